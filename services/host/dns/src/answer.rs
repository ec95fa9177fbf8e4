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
