//! What a durable commit costs over a publish with the same bytes and expectations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self as raw, message::PublishMessage};
use bytes::Bytes;
use roost_journal::jetstream::{Connection, JetStreamJournal, connect};
use roost_journal::port::{Append, Journal};
use roost_journal::testing::NatsServer;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId};

use crate::table::{Bar, Table, percentile};

const PAYLOAD: usize = 256;
const WARM_UP: usize = 200;
const SAMPLES: usize = 4000;
const WRITERS: usize = 64;
const EACH: usize = 10;
const WARM_UP_BURSTS: usize = 5;
const BURSTS: usize = 40;

/// Either way to append to one subject, each on a connection of its own.
enum Writer {
    Ours(JetStreamJournal),
    Raw(Box<raw::Context>),
}

impl Writer {
    async fn append(&self, subject: &EventSubject, expected: u64, payload: Bytes) -> u64 {
        let id = CommandId::random();
        match self {
            Self::Ours(journal) => match journal.append(subject, Sequence(expected), &id, payload).await {
                Ok(Append::Stored(sequence)) => sequence.0,
                other => panic!("{other:?}"),
            },
            Self::Raw(context) => {
                let publish = PublishMessage::build()
                    .payload(payload)
                    .message_id(id.as_str())
                    .expected_last_subject_sequence(expected);
                context
                    .send_publish(subject.to_string(), publish)
                    .await
                    .unwrap()
                    .await
                    .unwrap()
                    .sequence
            }
        }
    }
}

async fn set_up() -> (NatsServer, Connection, [Arc<Writer>; 2]) {
    let server = NatsServer::start();
    let log = connect(server.options()).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let writers = [
        Writer::Ours(log.journal()),
        Writer::Raw(Box::new(raw::new(client))),
    ]
    .map(Arc::new);
    (server, log, writers)
}

fn subject(writer: usize, number: usize) -> EventSubject {
    let id = SandboxId::new(format!("sb{writer}x{number}")).unwrap();
    EventSubject::sandbox(TenantId::new("bench").unwrap(), id)
}

/// One writer at a time, the two ways in turn.
pub(crate) async fn latency(table: &mut Table) {
    let (_server, _log, writers) = set_up().await;
    let payload = Bytes::from(vec![7; PAYLOAD]);
    let subjects = [subject(0, 0), subject(1, 0)];
    let mut last = [0, 0];
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..WARM_UP + SAMPLES {
        // Who goes first changes, so that neither always follows the other's disk flush.
        for turn in 0..2 {
            let way = (round + turn) % 2;
            let began = Instant::now();
            last[way] = writers[way]
                .append(&subjects[way], last[way], payload.clone())
                .await;
            if round >= WARM_UP {
                samples[way].push(began.elapsed());
            }
        }
    }
    let [ours, raw] = samples.map(|mut samples: Vec<Duration>| {
        samples.sort_unstable();
        samples
    });
    table.times(
        "commit, 1 writer, p50",
        percentile(&ours, 50),
        percentile(&raw, 50),
        &Bar::AtMost(1.2),
    );
    table.times(
        "commit, 1 writer, p99",
        percentile(&ours, 99),
        percentile(&raw, 99),
        &Bar::None,
    );
}

/// Many writers, each on its own subject, in short bursts in turn, so that a busy moment of the machine meets both.
pub(crate) async fn throughput(table: &mut Table) {
    let (_server, _log, writers) = set_up().await;
    let mut took = [Duration::ZERO; 2];
    for round in 0..WARM_UP_BURSTS + BURSTS {
        for turn in 0..2 {
            let way = (round + turn) % 2;
            let burst = burst(&writers[way], way, round).await;
            if round >= WARM_UP_BURSTS {
                took[way] += burst;
            }
        }
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "some thousand commits are exact in a float"
    )]
    let [ours, raw] = took.map(|took| (WRITERS * EACH * BURSTS) as f64 / took.as_secs_f64());
    table.rates(
        &format!("commits, {WRITERS} writers"),
        ours,
        raw,
        &Bar::AtLeast(0.9),
    );
}

async fn burst(writer: &Arc<Writer>, way: usize, round: usize) -> Duration {
    let payload = Bytes::from(vec![7; PAYLOAD]);
    let began = Instant::now();
    let tasks = (0..WRITERS).map(|number| {
        let (writer, payload) = (writer.clone(), payload.clone());
        let subject = subject(way, round * WRITERS + number + 1);
        tokio::spawn(async move {
            let mut last = 0;
            for _ in 0..EACH {
                last = writer.append(&subject, last, payload.clone()).await;
            }
        })
    });
    futures::future::try_join_all(tasks).await.unwrap();
    began.elapsed()
}
