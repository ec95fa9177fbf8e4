//! The log as plain messages, in and out: for what checks it, and for moving it to another server.
//!
//! A message is what was stored, ours or not. Put into an empty stream in order, each gets the sequence that it had; when
//! the server stored it is not kept, and nothing that is folded depends on that.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SEQUENCE;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use roost_schemas::{Sequence, Timestamp};
use tokio::time::Instant;

use super::link::{Link, answered, not_now};
use super::record::{Came, record};
use super::streams::EVENTS;
use super::tail::{Item, Keeps, Tail};
use crate::pause::Pause;
use crate::port::{JournalError, Record};

/// One message of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it stands.
    pub sequence: Sequence,
    /// Its subject.
    pub subject: String,
    /// Its headers, sorted.
    pub headers: Vec<(String, String)>,
    /// When the log stored it.
    pub stored_at: Timestamp,
    /// Its body.
    pub payload: Bytes,
}

impl Stored {
    /// The commit that it carries, if it is one of ours.
    pub fn record(&self) -> Result<Record, JournalError> {
        let headers = self.header_map();
        record(
            &self.subject,
            self.sequence.0,
            Some(&headers),
            self.stored_at,
            self.payload.clone(),
            Came::Delivered,
        )
    }

    /// The value of a header, if it has it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is the same message, whenever it was stored.
    pub fn is_same(&self, other: &Self) -> bool {
        let stored_at = self.stored_at;
        *self
            == Self {
                stored_at,
                ..other.clone()
            }
    }

    fn of(item: Item) -> Self {
        let Item {
            sequence,
            stored_at,
            message,
        } = item;
        let headers = message.headers.iter().flat_map(HeaderMap::iter);
        let mut headers: Vec<_> = headers
            // Only [`Backup::restore`] sends it: it is an instruction to the server, and no part of the message.
            .filter(|(name, _)| **name != NATS_EXPECTED_LAST_SEQUENCE)
            .flat_map(|(name, values)| values.iter().map(|value| (name.to_string(), value.to_string())))
            .collect();
        headers.sort();
        Self {
            sequence: Sequence(sequence),
            subject: message.subject.to_string(),
            headers,
            stored_at,
            payload: message.payload,
        }
    }

    fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(name.as_str(), value.as_str());
        }
        headers
    }
}

/// Messages in order, without end.
pub type Messages = BoxStream<'static, Result<Stored, JournalError>>;

/// The stream `EVENTS` as it is stored; clones share the connection.
#[derive(Debug, Clone)]
pub struct Backup {
    link: Arc<Link>,
}

impl Backup {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Everything after `after`: first what is stored, then what comes.
    pub async fn messages(&self, after: Sequence) -> Result<Messages, JournalError> {
        let filter = roost_schemas::subject::ALL_EVENTS.to_owned();
        let tail = Tail::open(self.link.clone(), EVENTS, Keeps::All, filter, after.0).await?;
        let messages = futures::stream::unfold(Some(Box::new(tail)), |tail| async {
            let mut tail = tail?;
            let item = tail.next().await.map(Stored::of);
            let next = item.is_ok().then_some(tail);
            Some((item, next))
        });
        Ok(messages.boxed())
    }

    /// Stores `messages`, which follow on each other and on what the stream has, each at the sequence that it had.
    ///
    /// Whether they stand there afterwards is for the caller to compare: somebody else may write, too. The same command id
    /// can stand on two subjects when its uses were further apart than the server remembers; then this waits as long.
    pub async fn restore(&self, messages: &[Stored]) -> Result<(), JournalError> {
        let options = &self.link.options;
        let patience = options.patience + options.duplicate_window;
        let mut deadline = Instant::now() + patience;
        let mut pause = Pause::new();
        let mut left = messages;
        loop {
            let outcome = self.send(left).await?;
            let detail = match (self.link.last_sequence(EVENTS).await, outcome) {
                (Ok(last), outcome) => {
                    let done = left.partition_point(|message| message.sequence.0 <= last);
                    left = &left[done..];
                    if left.is_empty() {
                        return Ok(());
                    }
                    if done > 0 {
                        deadline = Instant::now() + patience;
                    }
                    outcome.unwrap_or_else(|| format!("the stream ends at {last}"))
                }
                (Err(detail), _) => detail,
            };
            if Instant::now() >= deadline {
                return Err(JournalError::Unavailable {
                    action: "take back a message",
                    detail,
                });
            }
            pause.wait().await;
        }
    }

    /// Sends all, then awaits the answers. What was seen instead of the first that was not stored.
    async fn send(&self, messages: &[Stored]) -> Result<Option<String>, JournalError> {
        self.link.fit()?;
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            let publish = PublishMessage::build()
                .headers(message.header_map())
                .payload(message.payload.clone())
                .expected_last_sequence(message.sequence.0 - 1);
            let context = &self.link.context;
            match context.send_publish(message.subject.clone(), publish).await {
                Ok(answer) => answers.push((message, answer)),
                Err(error) => return doubt(message, &error),
            }
        }
        for (message, answer) in answers {
            match answer.await {
                Ok(ack) if ack.sequence == message.sequence.0 => {}
                Ok(ack) => {
                    return Ok(Some(format!(
                        "the server takes message {} for the one at {}",
                        message.sequence, ack.sequence
                    )));
                }
                Err(error) => return doubt(message, &error),
            }
        }
        Ok(None)
    }
}

/// What was seen, if trying again may help; an error, if not.
fn doubt(message: &Stored, error: &PublishError) -> Result<Option<String>, JournalError> {
    let is_final = match error.kind() {
        PublishErrorKind::WrongLastSequence => false,
        PublishErrorKind::MaxPayloadExceeded => true,
        _ => answered(error).is_some() && !not_now(error),
    };
    if !is_final {
        return Ok(Some(error.to_string()));
    }
    Err(JournalError::Refused {
        subject: message.subject.clone(),
        bytes: message.payload.len(),
        detail: error.to_string(),
    })
}
