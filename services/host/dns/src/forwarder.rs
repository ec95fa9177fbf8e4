//! One question, from the guest's bytes to the answer's.

use std::net::SocketAddrV4;
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use ipnet::Ipv4Net;

use crate::answer::settle;
use crate::gate::Gate;
use crate::question::{Judged, Question, judge};
use crate::upstream;

/// Answers guests by what a resolver says.
#[derive(Debug, Clone)]
pub struct Forwarder {
    resolver: SocketAddrV4,
    never: Arc<[Ipv4Net]>,
}

/// An answer as bytes.
#[derive(Debug)]
pub(crate) struct Reply {
    message: Message,
    /// Bytes that the guest takes in a datagram.
    limit: usize,
}

impl Forwarder {
    /// Asks `resolver`, and tells nobody of an address within `never`.
    pub fn new(resolver: SocketAddrV4, never: impl Into<Arc<[Ipv4Net]>>) -> Self {
        Self {
            resolver,
            never: never.into(),
        }
    }

    /// The answer to what a guest sent; nothing to what is no question.
    pub(crate) async fn answer(&self, asked: &[u8], gate: &dyn Gate) -> Option<Reply> {
        let (message, limit, outcome) = match judge(asked, gate, &self.never) {
            Judged::Ignore => {
                count("ignored");
                return None;
            }
            Judged::Answer(message, limit) => {
                let refused = message.metadata.response_code == ResponseCode::Refused;
                (message, limit, if refused { "refused" } else { "answered" })
            }
            Judged::Ask(question) => {
                let message = self.ask(&question, gate).await;
                let failed = message.metadata.response_code == ResponseCode::ServFail;
                (
                    message,
                    question.limit,
                    if failed { "failed" } else { "answered" },
                )
            }
        };
        count(outcome);
        Some(Reply { message, limit })
    }

    async fn ask(&self, question: &Question, gate: &dyn Gate) -> Message {
        let answer = match upstream::ask(self.resolver, question).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "a guest's question is not answered");
                return question.answer(ResponseCode::ServFail);
            }
        };
        let settled = settle(question, &answer, &self.never);
        if !settled.addresses.is_empty() {
            let admitted = gate
                .admit(&question.name(), &settled.addresses, settled.life)
                .await;
            if let Err(closed) = admitted {
                tracing::warn!(error = %closed, cause = %closed.source, "a guest is not told of a name");
                return question.answer(ResponseCode::ServFail);
            }
        }
        settled.message
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("roost_dns_questions_total", "outcome" => outcome).increment(1);
}

impl Reply {
    /// For a datagram: cut off, and said to be, where it does not fit.
    pub(crate) fn datagram(&self) -> Option<Vec<u8>> {
        let whole = self.stream()?;
        if whole.len() <= self.limit {
            return Some(whole);
        }
        self.message.truncate().to_vec().ok()
    }

    /// For a connection.
    pub(crate) fn stream(&self) -> Option<Vec<u8>> {
        // What was read can be written; a message that cannot is not sent, and the guest asks again.
        self.message.to_vec().ok()
    }
}
