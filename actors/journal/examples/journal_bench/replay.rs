//! How fast the log is folded, against an ordered consumer that only counts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{DeliverPolicy, OrderedPullConsumer, pull};
use async_nats::jetstream::{self as raw, message::PublishMessage};
use futures::StreamExt;
use roost_journal::checkpoint::{Change, Checkpoint, SledCheckpoint};
use roost_journal::jetstream::connect;
use roost_journal::port::{Journal, Record};
use roost_journal::projection::{self, Pace, Projection};
use roost_journal::testing::{NATS_CONF, NatsServer};
use roost_schemas::codec::{self, Undecodable};
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId, Timestamp};

use crate::table::{Bar, Table, percentile};

const COMMITS: u64 = 100_000;
const SANDBOXES: u64 = 10_000;
const ROUNDS: usize = 7;

/// What a gateway keeps of a sandbox, in small: its newest commit, decoded.
#[derive(Default)]
struct Newest {
    of: HashMap<EventSubject, Commit<SandboxEvent>>,
    changed: BTreeSet<EventSubject>,
}

impl Projection for Newest {
    const NAME: &'static str = "newest";
    const VERSION: u32 = 1;

    fn apply(&mut self, record: &Record) -> Result<(), Undecodable> {
        let commit = Commit::decode(&record.payload)?;
        self.of.insert(record.subject.clone(), commit);
        if !self.changed.contains(&record.subject) {
            self.changed.insert(record.subject.clone());
        }
        Ok(())
    }

    fn drain_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .iter()
            .map(|key| (key.to_string().into(), self.of.get(key).map(codec::encode)))
            .collect()
    }

    fn restore(&mut self, _: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Undecodable> {
        unreachable!("the bench never starts from a checkpoint")
    }
}

pub(crate) async fn replay(table: &mut Table) {
    let server = filled().await;
    let log = connect(server.options()).await.unwrap();
    let journal: Arc<dyn Journal> = Arc::new(log.journal());
    let context = raw::new(async_nats::connect(server.url()).await.unwrap());
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for turn in 0..3 {
            let way = (round + turn) % 3;
            let took = match way {
                0 => fold(&journal, false).await,
                1 => fold(&journal, true).await,
                _ => count(&context).await,
            };
            #[expect(clippy::cast_precision_loss, reason = "100,000 is exact in a float")]
            rates[way].push(COMMITS as f64 / took.as_secs_f64());
        }
    }
    let [plain, saved, raw] = rates.map(|mut rates: Vec<f64>| {
        rates.sort_unstable_by(f64::total_cmp);
        percentile(&rates, 50)
    });
    table.rates("replay into a projection", plain, raw, &Bar::AtLeast(0.8));
    table.rates(
        "replay into a projection with sled",
        saved,
        raw,
        &Bar::AtLeast(0.8),
    );
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

async fn count(context: &raw::Context) -> Duration {
    let began = Instant::now();
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..pull::OrderedConfig::default()
    };
    let consumer: OrderedPullConsumer = context.create_consumer_on_stream(config, "EVENTS").await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let mut bytes = 0;
    for _ in 0..COMMITS {
        bytes += messages.next().await.unwrap().unwrap().payload.len();
    }
    assert!(bytes > 0);
    began.elapsed()
}
