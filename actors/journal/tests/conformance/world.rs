//! What a scenario runs on, and the small words it is written in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use roost_journal::jetstream::{self, Connection};
use roost_journal::memory::{self, Memory};
use roost_journal::port::{Append, Journal, JournalError, Leases, OutputLog, Queue, Record, Records};
use roost_journal::testing::NatsServer;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId};

/// The shortest window that the server allows, so that a test can outwait it.
pub(crate) const WINDOW: Duration = Duration::from_millis(100);
/// Long enough for a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The ports, and what keeps them alive.
pub(crate) struct World {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) output: Arc<dyn OutputLog>,
    pub(crate) leases: Arc<dyn Leases>,
    /// Dies with the scenario.
    _server: Option<NatsServer>,
}

/// The bounds that scenarios may shorten; both adapters have them.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) duplicate_window: Duration,
    pub(crate) lease: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            duplicate_window: Duration::from_mins(2),
            lease: Duration::from_secs(30),
        }
    }
}

impl World {
    pub(crate) fn memory() -> Self {
        Self::memory_with(Bounds::default())
    }

    pub(crate) async fn jetstream() -> Self {
        Self::jetstream_with(Bounds::default()).await
    }

    pub(crate) fn memory_with(bounds: Bounds) -> Self {
        let Bounds {
            duplicate_window,
            lease,
        } = bounds;
        let log = Memory::new(&memory::Options {
            duplicate_window,
            lease,
            ..memory::Options::default()
        });
        Self {
            journal: Arc::new(log.journal()),
            queue: Arc::new(log.queue()),
            output: Arc::new(log.output()),
            leases: Arc::new(log.leases()),
            _server: None,
        }
    }

    pub(crate) async fn jetstream_with(bounds: Bounds) -> Self {
        let server = NatsServer::start();
        let Bounds {
            duplicate_window,
            lease,
        } = bounds;
        let options = jetstream::Options {
            duplicate_window,
            lease,
            ..server.options()
        };
        let log = jetstream::connect(options).await.unwrap();
        Self {
            _server: Some(server),
            ..Self::on(&log)
        }
    }

    pub(crate) fn on(log: &Connection) -> Self {
        Self {
            journal: Arc::new(log.journal()),
            queue: Arc::new(log.queue()),
            output: Arc::new(log.output()),
            leases: Arc::new(log.leases()),
            _server: None,
        }
    }
}

pub(crate) fn subject(id: &str) -> EventSubject {
    of_tenant("default", id)
}

pub(crate) fn of_tenant(tenant: &str, id: &str) -> EventSubject {
    EventSubject::sandbox(TenantId::new(tenant).unwrap(), SandboxId::new(id).unwrap())
}

pub(crate) fn id(text: &str) -> CommandId {
    CommandId::new(text).unwrap()
}

/// Appends a commit whose payload is its command id.
pub(crate) async fn append(
    journal: &dyn Journal,
    subject: &EventSubject,
    expected: u64,
    command: &str,
) -> Result<Append, JournalError> {
    let payload = Bytes::from(command.to_owned());
    journal
        .append(subject, Sequence(expected), &id(command), payload)
        .await
}

/// Appends what nothing stands against.
pub(crate) async fn stored(
    journal: &dyn Journal,
    subject: &EventSubject,
    expected: u64,
    command: &str,
) -> u64 {
    match append(journal, subject, expected, command).await {
        Ok(Append::Stored(sequence)) => sequence.0,
        other => panic!("{command} on {subject} after {expected}: {other:?}"),
    }
}

/// All commits of `subject` after `after`.
pub(crate) async fn read_all(journal: &dyn Journal, subject: &EventSubject, after: u64) -> Vec<Record> {
    let (mut all, mut after) = (Vec::new(), Sequence(after));
    loop {
        let page = journal.read(subject, after).await.unwrap();
        after = page.records.last().map_or(after, |last| last.sequence);
        all.extend(page.records);
        if !page.more {
            return all;
        }
    }
}

/// The command ids of `records`.
pub(crate) fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.command_id.as_str()).collect()
}

/// The next record of a journal that is followed.
pub(crate) async fn next(records: &mut Records) -> Result<Record, JournalError> {
    let next = tokio::time::timeout(PATIENCE, records.next()).await;
    next.expect("a record in time")
        .expect("records do not end without an error")
}
