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
    } else if question.is_forbidden() || !gate.may_ask(&question.name()) {
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
