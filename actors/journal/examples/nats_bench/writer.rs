//! Writers that append as fast as the log lets them, and write down what was acknowledged.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use roost_journal::jetstream::{Connection, JetStreamJournal};
use roost_journal::port::{Append, Journal, JournalError};
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId};
use tokio::sync::watch;
use tokio::task::JoinSet;

const WRITERS: usize = 8;
/// Bytes of a commit.
const PAYLOAD: usize = 256;

/// A commit that the log said it keeps.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) subject: EventSubject,
    pub(crate) sequence: Sequence,
    pub(crate) command_id: CommandId,
    pub(crate) payload: Bytes,
}

/// Several of them, each on a subject of its own.
pub(crate) struct Writers {
    record: Arc<Mutex<Vec<Acknowledged>>>,
    count: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Writers {
    pub(crate) fn start(log: &Connection) -> Self {
        let record = Arc::default();
        let (counted, count) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for number in 0..WRITERS {
            let writer = Writer {
                journal: log.journal(),
                subject: subject(number),
                record: Arc::clone(&record),
                counted: counted.clone(),
            };
            tasks.spawn(writer.run(stopped.clone()));
        }
        Self {
            record,
            count,
            stop,
            tasks,
        }
    }

    /// Waits for an acknowledgement that has not been there at this call.
    pub(crate) async fn next_within(&mut self, patience: Duration) -> Option<()> {
        self.count.mark_unchanged();
        let changed = tokio::time::timeout(patience, self.count.changed());
        changed.await.ok()?.ok()
    }

    /// Lets each finish what it is at, and returns all that was acknowledged.
    pub(crate) async fn stop(mut self) -> Vec<Acknowledged> {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a writer does not panic");
        }
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut record)
    }
}

struct Writer {
    journal: JetStreamJournal,
    subject: EventSubject,
    record: Arc<Mutex<Vec<Acknowledged>>>,
    counted: watch::Sender<usize>,
}

impl Writer {
    async fn run(self, stopped: watch::Receiver<bool>) {
        let mut last = Sequence::default();
        while !*stopped.borrow() {
            let command_id = CommandId::random();
            let payload = payload(&command_id);
            last = self.append(last, &command_id, &payload).await;
            let acknowledged = Acknowledged {
                subject: self.subject.clone(),
                sequence: last,
                command_id,
                payload,
            };
            self.record
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(acknowledged);
            self.counted.send_modify(|count| *count += 1);
        }
    }

    /// Again under the same id for as long as the server is away, as every caller of the port does.
    async fn append(&self, last: Sequence, id: &CommandId, payload: &Bytes) -> Sequence {
        loop {
            match self
                .journal
                .append(&self.subject, last, id, payload.clone())
                .await
            {
                Ok(Append::Stored(sequence)) => return sequence,
                Err(JournalError::Unavailable { .. }) => {}
                other => panic!("{} has one writer, but: {other:?}", self.subject),
            }
        }
    }
}

fn subject(number: usize) -> EventSubject {
    let id = SandboxId::new(format!("writer{number}")).expect("an id");
    EventSubject::sandbox(TenantId::new("bench").expect("a tenant"), id)
}

/// Bytes that belong to this command and to no other.
fn payload(id: &CommandId) -> Bytes {
    id.as_str()
        .bytes()
        .cycle()
        .take(PAYLOAD)
        .collect::<Vec<_>>()
        .into()
}
