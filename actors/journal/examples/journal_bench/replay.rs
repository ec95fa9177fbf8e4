//! How fast the log is folded, against ordered consumers of async-nats that only count.
//!
//! The fastest of several rounds counts, for each: what else runs on the machine can only slow a replay down. The pull
//! consumer is the one that async-nats and NATS advise, so the bar stands against it; the older push consumer costs the
//! client less, and is shown. So is the fold that rests in sled; its rounds share a heap with what the saves before
//! them left, which a process that starts once never sees.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{DeliverPolicy, OrderedPullConsumer, OrderedPushConsumer, pull, push};
use async_nats::jetstream::{self as raw, message::PublishMessage};
use futures::{Stream, StreamExt};
use roost_journal::checkpoint::{Change, Checkpoint, SledCheckpoint};
use roost_journal::jetstream::{EVENTS, connect};
use roost_journal::port::{Journal, Record};
use roost_journal::projection::{self, Pace, Projection};
use roost_journal::testing::{NATS_CONF, NatsServer};
use roost_schemas::codec::{self, Undecodable};
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId, Timestamp};

use crate::table::{Bar, Table};

const COMMITS: u64 = 100_000;
const SANDBOXES: u64 = 10_000;
const ROUNDS: usize = 9;

/// What a gateway keeps of a sandbox, in small: its newest commit, decoded.
#[derive(Default)]
struct Newest {
    of: HashMap<EventSubject, Entry>,
    changed: Vec<EventSubject>,
}

struct Entry {
    commit: Commit<SandboxEvent>,
    changed: bool,
}

impl Projection for Newest {
    const NAME: &'static str = "newest";
    const VERSION: u32 = 1;

    fn apply(&mut self, record: &Record) -> Result<(), Undecodable> {
        let commit = Commit::decode(&record.payload)?;
        match self.of.get_mut(&record.subject) {
            Some(entry) if entry.changed => entry.commit = commit,
            _ => {
                self.of.insert(
                    record.subject.clone(),
                    Entry {
                        commit,
                        changed: true,
                    },
                );
                self.changed.push(record.subject.clone());
            }
        }
        Ok(())
    }

    fn drain_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let saved = changed.filter_map(|key| {
            let entry = self.of.get_mut(&key)?;
            entry.changed = false;
            Some((key.to_string().into(), Some(codec::encode(&entry.commit))))
        });
        saved.collect()
    }

    fn restore(&mut self, _: Sequence, _: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Undecodable> {
        unreachable!("the bench never starts from a checkpoint")
    }
}

pub(crate) async fn replay(table: &mut Table) {
    let server = filled().await;
    let log = connect(server.options()).await.unwrap();
    let journal: Arc<dyn Journal> = Arc::new(log.journal());
    let context = raw::new(async_nats::connect(server.url()).await.unwrap());
    let mut best = [Duration::MAX; 4];
    for round in 0..ROUNDS {
        for turn in 0..best.len() {
            let way = (round + turn) % best.len();
            let took = match way {
                0 => fold(&journal, false).await,
                1 => fold(&journal, true).await,
                2 => count_pulled(&context).await,
                _ => count_pushed(&context).await,
            };
            best[way] = best[way].min(took);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "100,000 is exact in a float")]
    let [plain, saved, pulled, pushed] = best.map(|took| COMMITS as f64 / took.as_secs_f64());
    table.rates(
        "replay into a projection; raw: pull",
        plain,
        pulled,
        &Bar::AtLeast(0.8),
    );
    table.rates("replay into a projection; raw: push", plain, pushed, &Bar::None);
    table.rates("the same resting in sled; raw: pull", saved, pulled, &Bar::None);
}

/// A server with the commits. They are written without syncing, or filling would take longer than all the rest.
async fn filled() -> NatsServer {
    let mut server = NatsServer::start();
    connect(server.options()).await.unwrap().close().await;
    server.restart_with(&NATS_CONF.replace("sync_interval: always", "sync_interval: \"2m\""));
    let context = raw::new(async_nats::connect(server.url()).await.unwrap());
    let mut window = Vec::new();
    for number in 0..COMMITS {
        let id = SandboxId::new(format!("sb{}", number % SANDBOXES)).unwrap();
        let subject = EventSubject::sandbox(TenantId::new("bench").unwrap(), id);
        let commit = Commit {
            command_id: CommandId::random(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(number),
            principal: "host:bench".to_owned(),
            events: vec![SandboxEvent::Stopped],
        };
        let publish = PublishMessage::build()
            .message_id(commit.command_id.as_str())
            .payload(commit.encode().into());
        window.push(context.send_publish(subject.to_string(), publish).await.unwrap());
        if window.len() == 1000 {
            for ack in window.drain(..) {
                ack.await.unwrap();
            }
        }
    }
    server.restart_with(NATS_CONF);
    server
}

/// From the start of the projection until it includes the last commit.
async fn fold(journal: &Arc<dyn Journal>, with_checkpoint: bool) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint: Option<Arc<dyn Checkpoint>> = if with_checkpoint {
        Some(Arc::new(
            SledCheckpoint::open(folder.path().join("checkpoint"))
                .await
                .unwrap(),
        ))
    } else {
        None
    };
    let began = Instant::now();
    let handle = projection::start::<Newest>(journal.clone(), checkpoint, Pace::default()).await;
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    handle.wait_for(Sequence(COMMITS), deadline).await.unwrap();
    let took = began.elapsed();
    handle.stop().await;
    took
}

async fn count_pulled(context: &raw::Context) -> Duration {
    let began = Instant::now();
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..pull::OrderedConfig::default()
    };
    let consumer: OrderedPullConsumer = context.create_consumer_on_stream(config, EVENTS).await.unwrap();
    count(consumer.messages().await.unwrap()).await;
    began.elapsed()
}

async fn count_pushed(context: &raw::Context) -> Duration {
    let began = Instant::now();
    let deliver_subject = context.client().new_inbox();
    let deliver_policy = DeliverPolicy::All;
    let config = push::OrderedConfig {
        deliver_subject,
        deliver_policy,
        ..push::OrderedConfig::default()
    };
    let consumer: OrderedPushConsumer = context.create_consumer_on_stream(config, EVENTS).await.unwrap();
    count(consumer.messages().await.unwrap()).await;
    began.elapsed()
}

async fn count<E: std::fmt::Debug>(mut messages: impl Stream<Item = Result<raw::Message, E>> + Unpin) {
    for _ in 0..COMMITS {
        messages.next().await.unwrap().unwrap();
    }
}
