//! Follows a stream without gaps, across lost messages, lost consumers and restarted servers.
//!
//! ```text
//!   begin ─► listen ─ the next delivery ─► yield, remember its sequence
//!    ▲         ├─ flow control: answer, so that the server sends on
//!    │         ├─ a gap, a heartbeat that tells of one, or no heartbeat
//!    └─────────┴─ a new connection: readers' consumers do not survive a server
//!        (again from the sequence after the last one yielded)
//! ```
//!
//! async-nats has an ordered consumer too. This one differs where a fold of the log needs it: whenever it begins anew it
//! compares the log's end with what it has read, so that a log that lost commits, or became another, is noticed and not
//! waited for; it begins anew as soon as the connection is back, not when a heartbeat was missed; and a replay costs
//! less.

mod place;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PushConsumer, ReplayPolicy, push};
use async_nats::{HeaderValue, Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use roost_schemas::{Sequence, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval_at};

use super::direct;
use super::link::Link;
use crate::pause::Pause;
use crate::port::JournalError;
use place::Place;

/// The server shows this often that a quiet consumer is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Silent from one look to the next, it is made anew.
const LOOK: Duration = Duration::from_secs(6);

/// In an idle heartbeat: the last delivery, and where to ask for more when the server waits for that.
const LAST_DELIVERY: &str = "Nats-Last-Consumer";
const STALLED: &str = "Nats-Consumer-Stalled";

/// See the module.
pub(super) struct Tail {
    link: Arc<Link>,
    stream: &'static str,
    filter: String,
    /// The last sequence that was yielded, or the one to begin after.
    last: u64,
    /// What was yielded there, if the stream never drops what it holds.
    witness: Option<Bytes>,
    keeps: Keeps,
    feed: Option<Feed>,
    /// One timer for good: making one for every wait would cost more than the messages.
    look: Interval,
    epoch: watch::Receiver<u64>,
}

/// Whether a stream holds all that it ever held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    All,
    Recent,
}

/// What a consumer sends.
struct Feed {
    messages: Subscriber,
    /// How many messages that were.
    delivered: u64,
    /// Whether anything came since the last look.
    heard: bool,
}

/// Why a consumer could not be begun.
enum NoFeed {
    /// The stream is not the one that was read.
    Another,
    /// What was seen; it may work later.
    NotNow(String),
}

/// One message of the stream.
pub(super) struct Item {
    pub(super) sequence: u64,
    pub(super) stored_at: Timestamp,
    pub(super) message: Message,
}

impl Tail {
    /// Begins after `after`. An unreachable server is [`JournalError::Unavailable`] here, and waited for later.
    pub(super) async fn open(
        link: Arc<Link>,
        stream: &'static str,
        keeps: Keeps,
        filter: String,
        after: u64,
    ) -> Result<Self, JournalError> {
        let epoch = link.epoch.clone();
        let look = interval_at(Instant::now() + LOOK, LOOK);
        let mut tail = Self {
            link,
            stream,
            filter,
            last: after,
            witness: None,
            keeps,
            feed: None,
            look,
            epoch,
        };
        let deadline = Instant::now() + tail.link.options.patience;
        tail.begin(Some(deadline)).await?;
        Ok(tail)
    }

    /// The next message. Only [`JournalError::Behind`] and [`JournalError::Another`] come out, and are final.
    pub(super) async fn next(&mut self) -> Result<Item, JournalError> {
        loop {
            let Some(feed) = &mut self.feed else {
                self.begin(None).await?;
                continue;
            };
            // During a replay the next message is here already, and waiting for nothing else is what makes it fast.
            let mut message = feed.messages.next().now_or_never();
            if message.is_none() {
                tokio::select! {
                    arrived = feed.messages.next() => message = Some(arrived),
                    _ = self.epoch.changed() => {}
                    _ = self.look.tick() => {
                        if std::mem::take(&mut feed.heard) {
                            continue;
                        }
                    }
                }
            }
            feed.heard = true;
            match message.flatten() {
                Some(message) if message.status.is_some() => self.control(&message).await,
                Some(message) => {
                    if let Some(item) = self.take(message) {
                        return Ok(item);
                    }
                }
                None => self.again("the consumer went silent, or the connection is a new one"),
            }
        }
    }

    /// The message, if it is the next one.
    fn take(&mut self, message: Message) -> Option<Item> {
        let feed = self.feed.as_mut()?;
        feed.delivered += 1;
        match message.reply.as_deref().and_then(Place::parse) {
            Some(place) if place.delivery == feed.delivered && place.sequence > self.last => {
                self.last = place.sequence;
                if self.keeps == Keeps::All {
                    self.witness = Some(message.payload.clone());
                }
                Some(Item {
                    sequence: place.sequence,
                    stored_at: place.stored_at,
                    message,
                })
            }
            _ => {
                self.again("a message is missing");
                None
            }
        }
    }

    /// Handles a message of the server's own.
    async fn control(&mut self, message: &Message) {
        let Some(feed) = &self.feed else { return };
        let header = |name: &str| message.headers.as_ref()?.get(name).map(HeaderValue::as_str);
        if message.status != Some(StatusCode::IDLE_HEARTBEAT) {
            return self.again(
                message
                    .description
                    .as_deref()
                    .unwrap_or("the server ended the consumer"),
            );
        }
        if header(LAST_DELIVERY)
            .and_then(|last| last.parse().ok())
            .is_some_and(|last: u64| last > feed.delivered)
        {
            return self.again("a heartbeat tells of a message that is missing");
        }
        let go_on = message
            .reply
            .as_deref()
            .or_else(|| header(STALLED))
            .map(str::to_owned);
        if let Some(subject) = go_on
            && let Err(error) = self.link.client.publish(subject, Bytes::new()).await
        {
            self.again(&error.to_string());
        }
    }

    fn again(&mut self, why: &str) {
        tracing::info!(
            stream = self.stream,
            filter = self.filter,
            after = self.last,
            why,
            "reading anew"
        );
        self.feed = None;
    }

    async fn begin(&mut self, deadline: Option<Instant>) -> Result<(), JournalError> {
        let mut pause = Pause::new();
        loop {
            self.epoch.mark_unchanged();
            let detail = match self.link.last_sequence(self.stream).await {
                Ok(head) if head < self.last => return Err(self.behind(head)),
                Ok(_) => match self.feed().await {
                    Ok(feed) => {
                        self.feed = Some(feed);
                        return Ok(());
                    }
                    Err(NoFeed::Another) => return Err(self.another()),
                    Err(NoFeed::NotNow(detail)) => detail,
                },
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

    /// Begins to be sent what follows, unless another message stands where the last one stood.
    async fn feed(&self) -> Result<Feed, NoFeed> {
        if let Some(witness) = &self.witness {
            let found = direct::at(&self.link, self.stream, self.last).await;
            if found.map_err(NoFeed::NotNow)?.as_ref() != Some(witness) {
                return Err(NoFeed::Another);
            }
        }
        Ok(Feed {
            messages: self.consumer().await.map_err(NoFeed::NotNow)?,
            delivered: 0,
            heard: true,
        })
    }

    /// A consumer in the server's memory, which goes soon after nobody listens to it.
    async fn consumer(&self) -> Result<Subscriber, String> {
        let inbox = self.link.client.new_inbox();
        let messages = self
            .link
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| error.to_string())?;
        let config = push::Config {
            deliver_subject: inbox,
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.last + 1,
            },
            ack_policy: AckPolicy::None,
            replay_policy: ReplayPolicy::Instant,
            filter_subject: self.filter.clone(),
            max_deliver: 1,
            flow_control: true,
            idle_heartbeat: HEARTBEAT,
            memory_storage: true,
            num_replicas: 1,
            ..push::Config::default()
        };
        let made = self
            .link
            .context
            .create_consumer_on_stream(config, self.stream)
            .await;
        let _: PushConsumer = made.map_err(|error| error.to_string())?;
        Ok(messages)
    }

    fn another(&self) -> JournalError {
        JournalError::Another {
            seen: Sequence(self.last),
            detail: format!("the stream {} has another message", self.stream),
        }
    }

    fn behind(&self, head: u64) -> JournalError {
        JournalError::Behind {
            subject: self.filter.clone(),
            seen: Sequence(self.last),
            detail: format!("the stream {} ends at {head}", self.stream),
        }
    }
}
