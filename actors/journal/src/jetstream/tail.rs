//! Follows a stream without gaps, across lost messages, lost consumers and restarted servers.
//!
//! ```text
//!   open ─► pull ─ next in order ─► yield, remember its sequence
//!    ▲        ├─ a gap, an error, no heartbeat
//!    └────────┴─ a new connection: consumers of readers do not survive a server
//!        (again from the sequence after the last one yielded)
//! ```
//!
//! async-nats has an ordered consumer too. This one differs in two things that a fold of the log needs: it compares the
//! log's end with what it has read whenever it begins anew, so that a log that lost commits is noticed and not waited
//! for; and it begins anew as soon as the connection is back, not when a heartbeat has been missed.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, ReplayPolicy, pull};
use futures::{FutureExt, StreamExt};
use roost_schemas::Sequence;
use tokio::sync::watch;
use tokio::time::Instant;

use super::link::Link;
use crate::pause::Pause;
use crate::port::JournalError;

/// Messages asked for at once. Replay speed grows with it up to about here.
const BATCH: usize = 1000;
/// The server shows this often that a quiet consumer is alive; twice that without a sign, and it is made anew.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The server removes a reader's consumer this long after the reader has gone.
const FORGET: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Tail {
    link: Arc<Link>,
    stream: &'static str,
    filter: String,
    /// The last sequence that was yielded, or the one to begin after.
    last: u64,
    pull: Option<Pull>,
    epoch: watch::Receiver<u64>,
}

/// A consumer, and how many messages it has delivered.
struct Pull {
    messages: Box<pull::Stream>,
    delivered: u64,
}

/// One message of the stream.
pub(super) struct Item {
    pub(super) subject: async_nats::Subject,
    pub(super) sequence: u64,
    pub(super) stored_at: DateTime,
    pub(super) message: Message,
}

impl Tail {
    /// Begins after `after`. An unreachable server is [`JournalError::Unavailable`] here, and waited for later.
    pub(super) async fn open(
        link: Arc<Link>,
        stream: &'static str,
        filter: String,
        after: u64,
    ) -> Result<Self, JournalError> {
        let epoch = link.epoch.clone();
        let mut tail = Self {
            link,
            stream,
            filter,
            last: after,
            pull: None,
            epoch,
        };
        let deadline = Instant::now() + tail.link.options.patience;
        tail.reopen(Some(deadline)).await?;
        Ok(tail)
    }

    /// The next message. Only [`JournalError::Behind`] comes out, and it is final.
    pub(super) async fn next(&mut self) -> Result<Item, JournalError> {
        loop {
            let Some(pull) = &mut self.pull else {
                self.reopen(None).await?;
                continue;
            };
            // During a replay the next message is here already, and asking for it costs least.
            let mut next = pull.messages.next().now_or_never();
            if next.is_none() {
                tokio::select! {
                    arrived = pull.messages.next() => next = Some(arrived),
                    _ = self.epoch.changed() => {
                        self.pull = None;
                        continue;
                    }
                }
            }
            match next.flatten() {
                Some(Ok(message)) => {
                    if let Some(item) = self.take(message) {
                        return Ok(item);
                    }
                }
                Some(Err(error)) => self.again(&error),
                None => self.again(&"the consumer ended"),
            }
        }
    }

    /// The message, if it is the next one.
    fn take(&mut self, message: async_nats::jetstream::Message) -> Option<Item> {
        let (sequence, delivery, stored_at) = match message.info() {
            Ok(info) => (info.stream_sequence, info.consumer_sequence, info.published),
            Err(error) => {
                self.again(&error);
                return None;
            }
        };
        let pull = self.pull.as_mut()?;
        pull.delivered += 1;
        if delivery != pull.delivered || sequence <= self.last {
            self.again(&format!(
                "delivery {delivery} (sequence {sequence}) is out of order"
            ));
            return None;
        }
        self.last = sequence;
        let message = message.message;
        Some(Item {
            subject: message.subject.clone(),
            sequence,
            stored_at,
            message,
        })
    }

    fn again(&mut self, why: &dyn std::fmt::Display) {
        tracing::info!(stream = self.stream, filter = self.filter, after = self.last, %why, "reading anew");
        self.pull = None;
    }

    async fn reopen(&mut self, deadline: Option<Instant>) -> Result<(), JournalError> {
        let mut pause = Pause::new();
        loop {
            self.epoch.mark_unchanged();
            let detail = match self.begin().await {
                Ok(Begun::At(messages)) => {
                    self.pull = Some(Pull {
                        messages,
                        delivered: 0,
                    });
                    return Ok(());
                }
                Ok(Begun::Behind { head }) => return Err(self.behind(head)),
                Err(detail) => detail,
            };
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(JournalError::Unavailable {
                    action: "begin to be read",
                    detail,
                });
            }
            tracing::debug!(stream = self.stream, detail, "cannot read yet");
            pause.wait().await;
        }
    }

    async fn begin(&self) -> Result<Begun, String> {
        let head = self.link.last_sequence(self.stream).await?;
        if head < self.last {
            return Ok(Begun::Behind { head });
        }
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.last + 1,
            },
            ack_policy: AckPolicy::None,
            replay_policy: ReplayPolicy::Instant,
            filter_subject: self.filter.clone(),
            max_deliver: 1,
            inactive_threshold: FORGET,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let made = self
            .link
            .context
            .create_consumer_on_stream(config, self.stream)
            .await;
        let consumer: PullConsumer = made.map_err(|error| error.to_string())?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .heartbeat(HEARTBEAT)
            .messages()
            .await;
        messages
            .map(|messages| Begun::At(Box::new(messages)))
            .map_err(|error| error.to_string())
    }

    fn behind(&self, head: u64) -> JournalError {
        JournalError::Behind {
            subject: self.filter.clone(),
            seen: Sequence(self.last),
            detail: format!("the stream {} ends at {head}", self.stream),
        }
    }
}

enum Begun {
    At(Box<pull::Stream>),
    Behind { head: u64 },
}
