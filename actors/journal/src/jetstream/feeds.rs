//! [`Feeds`] as durable pull consumers of the stream `EVENTS`.
//!
//! nats-server keeps which commits of a feed are settled. Those that are in hand are shown to be so every few seconds; of a
//! taker that died the server thinks so for [`ACK_WAIT`], and hands them out again then.

mod order;
mod pump;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use roost_schemas::Sequence;
use roost_schemas::subject::EventFilter;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::link::Link;
use super::streams::EVENTS;
use crate::pause::Pause;
use crate::port::{Feed, FeedId, Feeds, JournalError, MAX_HANDED};
use pump::Pump;

/// How long the server waits for a sign of life about a commit before it hands it out again.
const ACK_WAIT: Duration = Duration::from_secs(10);

/// The feeds in JetStream; clones share the connection.
#[derive(Debug, Clone)]
pub struct JetStreamFeeds {
    link: Arc<Link>,
}

impl JetStreamFeeds {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

/// The consumer of a feed, which outlives its takers.
fn config(id: &FeedId, filter: &EventFilter, after: Sequence) -> pull::Config {
    pull::Config {
        name: Some(id.to_string()),
        durable_name: Some(id.to_string()),
        description: Some("Roost: what a webhook has still to be told".to_owned()),
        filter_subject: filter.to_string(),
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: after.0 + 1,
        },
        replay_policy: ReplayPolicy::Instant,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: i64::try_from(MAX_HANDED).unwrap_or(i64::MAX),
        // Giving one up is not the server's to decide.
        max_deliver: -1,
        ..pull::Config::default()
    }
}

#[async_trait]
impl Feeds for JetStreamFeeds {
    async fn take(&self, id: &FeedId, filter: &EventFilter, after: Sequence) -> Result<Feed, JournalError> {
        let (sender, mut handed) = mpsc::unbounded_channel();
        let mut pump = Pump::new(self.link.clone(), config(id, filter, after), sender);
        let deadline = Instant::now() + self.link.options.patience;
        let mut pause = Pause::new();
        while let Err(detail) = pump.open().await {
            if Instant::now() >= deadline {
                return Err(unavailable("begin to be fed from", detail));
            }
            pause.wait().await;
        }
        let mut task = JoinSet::new();
        task.spawn(pump.run());
        // The task is dropped, and so ended, together with the stream.
        let feed = futures::stream::poll_fn(move |context| {
            let _ = &task;
            handed.poll_recv(context)
        });
        Ok(feed.boxed())
    }

    async fn forget(&self, id: &FeedId) -> Result<(), JournalError> {
        let context = self.link.patient();
        let deleted = context.delete_consumer_from_stream(id.to_string(), EVENTS).await;
        match deleted.map_err(|error| (error.kind(), error)) {
            Ok(_) => Ok(()),
            Err((ConsumerErrorKind::JetStream(reason), _))
                if reason.error_code() == ErrorCode::CONSUMER_NOT_FOUND =>
            {
                Ok(())
            }
            Err((_, error)) => Err(unavailable("forget a feed", error.to_string())),
        }
    }

    async fn all(&self) -> Result<Vec<FeedId>, JournalError> {
        let list = |detail: String| unavailable("list its feeds", detail);
        let stream = self.link.context.get_stream_no_info(EVENTS).await;
        let stream = stream.map_err(|error| list(error.to_string()))?;
        let names: Vec<String> = stream
            .consumer_names()
            .try_collect()
            .await
            .map_err(|error| list(error.to_string()))?;
        Ok(names.iter().filter_map(|name| FeedId::parse(name)).collect())
    }
}

fn unavailable(action: &'static str, detail: String) -> JournalError {
    JournalError::Unavailable { action, detail }
}
