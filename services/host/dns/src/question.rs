//! What a guest asks, judged before anybody else hears of it.

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use ipnet::{IpNet, Ipv4Net};

use crate::gate::Gate;

/// Bytes of a datagram that every resolver takes (RFC 1035, 4.2.1), and that pass any link unfragmented (RFC 9715).
const SMALL: u16 = 512;
const LARGE: u16 = 1232;

/// Bytes of a message's header.
const HEADER: usize = 12;

/// A question that may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// As the guest sent it: its answer carries the same.
    head: Metadata,
    pub(crate) query: Query,
    extended: bool,
    /// Bytes that the guest takes in a datagram.
    pub(crate) limit: usize,
}

/// What becomes of a message from a guest.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It is asked.
    Ask(Question),
    /// It is answered without asking anybody.
    Answer(Message, usize),
    /// It is no question at all.
    Ignore,
}

/// Judges what a guest sent. Nobody may ask for the names of addresses within `never`.
pub(crate) fn judge(bytes: &[u8], gate: &dyn Gate, never: &[Ipv4Net]) -> Judged {
    let Ok(message) = Message::from_vec(bytes) else {
        return malformed(bytes);
    };
    if message.metadata.message_type != MessageType::Query {
        return Judged::Ignore;
    }
    let question = Question {
        head: message.metadata,
        query: message.queries.first().cloned().unwrap_or_default(),
        extended: message.edns.is_some(),
        limit: message
            .edns
            .as_ref()
            .map_or(SMALL, |edns| edns.max_payload().clamp(SMALL, LARGE))
            .into(),
    };
    let code = if message.metadata.op_code != OpCode::Query || question.query.query_type == RecordType::ANY {
        ResponseCode::NotImp
    } else if message.queries.len() != 1 {
        ResponseCode::FormErr
    } else if question.is_forbidden() || question.reads_as_another() || !gate.may_ask(&question.name()) {
        ResponseCode::Refused
    } else if names_what_is_out_of_reach(&question.query.name, never) {
        ResponseCode::NXDomain
    } else if question.has_no_answer() {
        ResponseCode::NoError
    } else {
        return Judged::Ask(question);
    };
    Judged::Answer(question.answer(code), question.limit)
}

/// One that has a header is told so.
fn malformed(bytes: &[u8]) -> Judged {
    let is_query = bytes.len() >= HEADER && bytes[2] & 0x80 == 0;
    if !is_query {
        return Judged::Ignore;
    }
    let id = u16::from_be_bytes([bytes[0], bytes[1]]);
    let answer = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
    Judged::Answer(answer, SMALL.into())
}

/// Whether `name` stands for an address of which guests are to know nothing: the resolver may know this machine's
/// network by name.
fn names_what_is_out_of_reach(name: &Name, never: &[Ipv4Net]) -> bool {
    let mut name = name.clone();
    name.set_fqdn(true);
    match name.parse_arpa_name() {
        Ok(IpNet::V4(block)) => never
            .iter()
            .any(|net| net.contains(&block) || block.contains(net)),
        Ok(IpNet::V6(_)) => true,
        Err(_) => false,
    }
}

impl Question {
    /// The name in lower case, without a dot at its end.
    pub(crate) fn name(&self) -> String {
        let name = self.query.name.to_lowercase().to_ascii();
        name.strip_suffix('.').unwrap_or(&name).to_owned()
    }

    /// Whole zones, and other networks than the internet.
    fn is_forbidden(&self) -> bool {
        let transfer = matches!(self.query.query_type, RecordType::AXFR | RecordType::IXFR);
        transfer || self.query.query_class != DNSClass::IN
    }

    /// A dot within a label (RFC 1035 allows any byte) would make a name, as text, one below another that it is not below.
    fn reads_as_another(&self) -> bool {
        self.query.name.iter().any(|label| label.contains(&b'.'))
    }

    /// Slots carry IPv4 alone; service bindings carry addresses of their own, and every program gets along without them.
    fn has_no_answer(&self) -> bool {
        matches!(
            self.query.query_type,
            RecordType::AAAA | RecordType::HTTPS | RecordType::SVCB
        )
    }

    /// An empty answer.
    pub(crate) fn answer(&self, code: ResponseCode) -> Message {
        let mut answer = Message::response(self.head.id, self.head.op_code);
        answer.metadata = Metadata::response_from_request(&self.head);
        answer.metadata.recursion_available = true;
        answer.metadata.response_code = code;
        answer.add_query(self.query.clone());
        if self.extended {
            let mut edns = Edns::new();
            edns.set_max_payload(LARGE);
            answer.set_edns(edns);
        }
        answer
    }

    /// The same question, as this machine asks it.
    pub(crate) fn ask(&self, id: u16) -> Message {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(self.query.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(LARGE);
        message.set_edns(edns);
        message
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::gate::tests::Only;

    const NEVER: [Ipv4Net; 1] = [Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)];

    fn question(name: &str, kind: RecordType) -> Message {
        let mut message = Message::query();
        message.metadata.id = 7;
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message
    }

    /// The code that `message` is answered with at once, if it is not asked.
    fn code(message: &Message, allowed: &'static str) -> Option<ResponseCode> {
        match judge(&message.to_vec().unwrap(), &Only(allowed), &NEVER) {
            Judged::Answer(answer, _) => {
                assert_eq!(answer.metadata.id, 7);
                Some(answer.metadata.response_code)
            }
            Judged::Ask(_) => None,
            Judged::Ignore => panic!("ignored"),
        }
    }

    #[test]
    fn who_may_not_ask_is_told_so() {
        let asked = |name, kind| code(&question(name, kind), "a.com");
        assert_eq!(asked("A.com.", RecordType::A), None);
        assert_eq!(asked("a.com.", RecordType::TXT), None);
        for (name, kind, told) in [
            ("b.com.", RecordType::A, ResponseCode::Refused),
            ("a.com.", RecordType::AXFR, ResponseCode::Refused),
            ("a.com.", RecordType::ANY, ResponseCode::NotImp),
            ("a.com.", RecordType::AAAA, ResponseCode::NoError),
            ("a.com.", RecordType::HTTPS, ResponseCode::NoError),
        ] {
            assert_eq!(asked(name, kind), Some(told), "{name} {kind}");
        }
        let mut chaos = question("a.com.", RecordType::TXT);
        chaos.queries[0].query_class = DNSClass::CH;
        assert_eq!(code(&chaos, "a.com"), Some(ResponseCode::Refused));
        let mut two = question("a.com.", RecordType::A);
        two.add_query(two.queries[0].clone());
        assert_eq!(code(&two, "a.com"), Some(ResponseCode::FormErr));
        assert_eq!(
            code(&Message::new(7, MessageType::Query, OpCode::Query), "a.com"),
            Some(ResponseCode::FormErr)
        );
        let mut update = question("a.com.", RecordType::A);
        update.metadata.op_code = OpCode::Update;
        assert_eq!(code(&update, "a.com"), Some(ResponseCode::NotImp));
    }

    #[test]
    fn a_dot_within_a_label_parts_nothing() {
        let mut message = question("a.com.", RecordType::A);
        let name = Name::from_labels([&b"x.a"[..], b"com"]).unwrap();
        message.queries[0].set_name(name);
        // As text it is below a.com, and allowed.
        let text = "x\\.a.com";
        assert_eq!(code(&message, text), Some(ResponseCode::Refused));
    }

    #[test]
    fn the_names_of_private_addresses_are_not_asked_for() {
        for (name, told) in [
            ("1.2.3.10.in-addr.arpa", Some(ResponseCode::NXDomain)),
            ("10.in-addr.arpa", Some(ResponseCode::NXDomain)),
            ("in-addr.arpa", Some(ResponseCode::NXDomain)),
            ("1.0.0.2.ip6.arpa", Some(ResponseCode::NXDomain)),
            ("1.2.3.9.in-addr.arpa", None),
        ] {
            let message = question(&format!("{name}."), RecordType::PTR);
            assert_eq!(code(&message, name), told, "{name}");
        }
    }

    #[test]
    fn an_answer_is_not_answered() {
        let mut message = question("a.com.", RecordType::A);
        message.metadata.message_type = MessageType::Response;
        let judged = judge(&message.to_vec().unwrap(), &Only("a.com"), &NEVER);
        assert!(matches!(judged, Judged::Ignore));
    }

    #[test]
    fn a_datagram_is_as_long_as_the_guest_takes_and_no_link_breaks() {
        for (taken, limit) in [
            (None, 512),
            (Some(100), 512),
            (Some(1000), 1000),
            (Some(65_535), 1232),
        ] {
            let mut message = question("a.com.", RecordType::A);
            if let Some(taken) = taken {
                let mut edns = Edns::new();
                edns.set_max_payload(taken);
                message.set_edns(edns);
            }
            match judge(&message.to_vec().unwrap(), &Only("a.com"), &NEVER) {
                Judged::Ask(question) => assert_eq!(question.limit, limit),
                other => panic!("{other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Judged::Answer(answer, _) = judge(&bytes, &Only("a.com"), &NEVER) {
                let id = u16::from_be_bytes([bytes[0], bytes[1]]);
                prop_assert_eq!(answer.metadata.id, id);
                answer.to_vec().unwrap();
            }
        }
    }
}
