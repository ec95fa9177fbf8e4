//! What the resolver says, reduced to what the guest asked for and may know.

use std::net::Ipv4Addr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use ipnet::Ipv4Net;

use crate::question::Question;

/// The shortest time for which an answer's addresses are let through: a program needs some to connect.
pub const SHORTEST_LIFE: Duration = Duration::from_secs(30);

/// The longest time for which an answer is good, whatever it says itself.
pub const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// Addresses that one answer may have; more are left out.
pub const MOST_ADDRESSES: usize = 64;

/// Names that one answer may lead over (RFC 1034, 3.6.2 has aliases lead to aliases, and sets no bound).
const MOST_ALIASES: usize = 16;

/// What a guest is told, and what has to be let through before.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) message: Message,
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) life: Duration,
}

/// Whether `answer` is one to this very question.
pub(crate) fn belongs(answer: &Message, question: &Question, id: u16) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == id
        && answer.queries.first() == Some(&question.query)
}

/// Reduces `answer`: aliases from the name that was asked for on, records of the type that was asked for at their end,
/// addresses within reach alone.
pub(crate) fn settle(question: &Question, answer: &Message, never: &[Ipv4Net]) -> Settled {
    let code = match answer.metadata.response_code {
        code @ (ResponseCode::NoError | ResponseCode::NXDomain) => code,
        _ => ResponseCode::ServFail,
    };
    let mut message = question.answer(code);
    let mut addresses = Vec::new();
    let mut life = SHORTEST_LIFE;
    let (aliases, end) = aliases(&question.query.name, &answer.answers);
    message.add_answers(aliases.into_iter().cloned());
    let wanted = question.query.query_type;
    for record in answer
        .answers
        .iter()
        .filter(|record| record.name == *end && record.record_type() == wanted)
    {
        if let RData::A(address) = &record.data {
            let reachable = !never.iter().any(|net| net.contains(&address.0));
            if !reachable || addresses.len() == MOST_ADDRESSES {
                continue;
            }
            addresses.push(address.0);
            life = life.max(Duration::from_secs(record.ttl.into()));
        }
        message.add_answer(record.clone());
    }
    if message.answers.is_empty() {
        // How long a name may be held not to be there (RFC 2308).
        let starts = answer
            .authorities
            .iter()
            .filter(|record| record.record_type() == RecordType::SOA);
        message.add_authorities(starts.cloned());
    }
    for record in message.answers.iter_mut().chain(&mut message.authorities) {
        record.ttl = record
            .ttl
            .min(u32::try_from(LONGEST_LIFE.as_secs()).unwrap_or(u32::MAX));
    }
    Settled {
        message,
        addresses,
        life: life.min(LONGEST_LIFE),
    }
}

/// The aliases that lead from `name`, and the name at their end.
fn aliases<'a>(name: &'a Name, records: &'a [Record]) -> (Vec<&'a Record>, &'a Name) {
    let mut led = Vec::new();
    let mut end = name;
    while led.len() < MOST_ALIASES {
        let next = records.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *end => Some((record, &target.0)),
            _ => None,
        });
        let Some((record, target)) = next else { break };
        led.push(record);
        end = target;
    }
    (led, end)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{OpCode, Query};
    use hickory_proto::rr::rdata::{A, CNAME, SOA, TXT};

    use super::*;
    use crate::gate::tests::Only;
    use crate::question::{Judged, judge};

    const NEVER: [Ipv4Net; 1] = [Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)];

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn question(kind: RecordType) -> Question {
        let mut message = Message::query();
        message.add_query(Query::query(name("a.com."), kind));
        match judge(&message.to_vec().unwrap(), &Only("a.com"), &NEVER) {
            Judged::Ask(question) => question,
            other => panic!("{other:?}"),
        }
    }

    fn a(owner: &str, ttl: u32, address: [u8; 4]) -> Record {
        Record::from_rdata(name(owner), ttl, RData::A(A(address.into())))
    }

    fn alias(owner: &str, target: &str) -> Record {
        Record::from_rdata(name(owner), 300, RData::CNAME(CNAME(name(target))))
    }

    fn settled(kind: RecordType, records: Vec<Record>) -> Settled {
        let mut answer = Message::response(0, OpCode::Query);
        answer.add_answers(records);
        settle(&question(kind), &answer, &NEVER)
    }

    fn addresses(settled: &Settled) -> Vec<String> {
        settled.addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn addresses_are_those_at_the_end_of_the_aliases() {
        let settled = settled(
            RecordType::A,
            vec![
                a("other.com.", 60, [9, 9, 9, 9]),
                a("c.net.", 60, [1, 2, 3, 4]),
                alias("b.net.", "c.net."),
                alias("A.com.", "b.net."),
                a("a.com.", 60, [9, 9, 9, 8]),
            ],
        );
        assert_eq!(addresses(&settled), ["1.2.3.4"]);
        assert_eq!(settled.message.answers.len(), 3);
    }

    #[test]
    fn aliases_that_lead_in_a_circle_lead_nowhere() {
        let circle = vec![
            alias("a.com.", "b.net."),
            alias("b.net.", "a.com."),
            a("c.net.", 60, [1, 2, 3, 4]),
        ];
        let settled = settled(RecordType::A, circle);
        assert!(settled.addresses.is_empty() && settled.message.answers.len() == MOST_ALIASES);
    }

    #[test]
    fn what_is_out_of_reach_is_left_out() {
        let mixed = vec![a("a.com.", 60, [10, 1, 2, 3]), a("a.com.", 60, [1, 2, 3, 4])];
        let settled = settled(RecordType::A, mixed);
        assert_eq!(addresses(&settled), ["1.2.3.4"]);
        assert_eq!(settled.message.answers.len(), 1);
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        let text = Record::from_rdata(name("a.com."), 60, RData::TXT(TXT::new(vec!["x".into()])));
        let both = vec![text, a("a.com.", 60, [1, 2, 3, 4])];
        let settled = settled(RecordType::TXT, both);
        assert!(settled.addresses.is_empty());
        assert_eq!(settled.message.answers.len(), 1);
    }

    #[test]
    fn times_are_bounded() {
        for (ttl, life, told) in [(0, 30, 0), (300, 300, 300), (u32::MAX, 3600, 3600)] {
            let settled = settled(RecordType::A, vec![a("a.com.", ttl, [1, 2, 3, 4])]);
            assert_eq!(settled.life, Duration::from_secs(life));
            assert_eq!(settled.message.answers[0].ttl, told);
        }
    }

    #[test]
    fn so_many_addresses_and_no_more() {
        let many = (0..=255).map(|n| a("a.com.", 60, [1, 2, 3, n])).collect();
        let settled = settled(RecordType::A, many);
        assert_eq!(settled.addresses.len(), MOST_ADDRESSES);
        assert_eq!(settled.message.answers.len(), MOST_ADDRESSES);
    }

    #[test]
    fn a_name_that_is_not_there_is_told_with_how_long_that_holds() {
        let start = SOA::new(name("ns.com."), name("m.com."), 1, 2, 3, 4, 5);
        let mut answer = Message::error_msg(0, OpCode::Query, ResponseCode::NXDomain);
        answer.add_authority(Record::from_rdata(name("com."), 60, RData::SOA(start)));
        answer.add_additional(a("ns.com.", 60, [10, 0, 0, 1]));
        let message = settle(&question(RecordType::A), &answer, &NEVER).message;
        assert_eq!(message.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!((message.authorities.len(), message.additionals.len()), (1, 0));
        let broken = Message::error_msg(0, OpCode::Query, ResponseCode::Refused);
        let message = settle(&question(RecordType::A), &broken, &NEVER).message;
        assert_eq!(
            message.metadata.response_code,
            ResponseCode::ServFail,
            "the guest is not who was refused"
        );
    }
}
