//! [`Journal`] in process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Sequence, Timestamp};
use tokio::sync::watch;

use super::{Options, Recent, locked};
use crate::append::{self, Attempt, Request, Store};
use crate::dedupe;
use crate::port::{Append, Journal, JournalError, Page, Record, Records};

/// Commits in one page.
const PAGE: usize = 256;

/// What happens to the next append's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives, and nobody says so.
    LoseRequest,
    /// It is stored, but its acknowledgement is lost.
    LoseAnswer,
}

/// The event log in process; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryJournal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    log: Mutex<Log>,
    head: watch::Sender<Sequence>,
}

#[derive(Debug)]
struct Log {
    records: Vec<Record>,
    subjects: HashMap<EventSubject, Vec<Sequence>>,
    recent: Recent<String, Sequence>,
    faults: VecDeque<Fault>,
}

impl Log {
    fn at(&self, sequence: Sequence) -> Option<&Record> {
        let index = usize::try_from(sequence.0).ok()?.checked_sub(1)?;
        self.records.get(index)
    }

    fn head(&self) -> Sequence {
        Sequence(self.records.len() as u64)
    }
}

impl MemoryJournal {
    pub(super) fn new(options: &Options) -> Self {
        let log = Log {
            records: Vec::new(),
            subjects: HashMap::new(),
            recent: Recent::new(options.duplicate_window),
            faults: VecDeque::new(),
        };
        let (head, _) = watch::channel(Sequence::default());
        Self(Arc::new(Shared {
            options: options.clone(),
            log: Mutex::new(log),
            head,
        }))
    }

    /// Lets the next message suffer `fault`; several queue up, one for each.
    pub fn inject(&self, fault: Fault) {
        locked(&self.0.log).faults.push_back(fault);
    }

    /// Every commit after `after`, as it is.
    pub fn stored(&self, after: Sequence) -> Vec<Record> {
        let log = locked(&self.0.log);
        let from = usize::try_from(after.0).unwrap_or(usize::MAX);
        log.records.get(from..).unwrap_or_default().to_vec()
    }

    /// Forgets every commit after `last`, as a server does that acknowledged before it had synced.
    pub fn lose_after(&self, last: Sequence) {
        let mut log = locked(&self.0.log);
        log.records.retain(|record| record.sequence <= last);
        log.recent.seen.retain(|_, sequence| *sequence <= last);
        for sequences in log.subjects.values_mut() {
            sequences.retain(|sequence| *sequence <= last);
        }
        self.0.head.send_replace(log.head());
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(
        &self,
        subject: &EventSubject,
        expected: Sequence,
        command_id: &CommandId,
        payload: Bytes,
    ) -> Result<Append, JournalError> {
        let request = Request {
            subject,
            expected,
            command_id,
            payload,
        };
        append::append(self, request, self.0.options.patience).await
    }

    async fn read(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        self.tail(subject, after).await
    }

    async fn page(&self, filter: &EventFilter, after: Sequence, bytes: u32) -> Result<Page, JournalError> {
        let log = locked(&self.0.log);
        let from = usize::try_from(after.0).unwrap_or(usize::MAX);
        let newer = log.records.get(from..).unwrap_or_default().iter();
        let mut newer = newer.filter(|record| filter.admits(&record.subject)).peekable();
        let (mut page, mut size) = (Page::default(), 0);
        while size < bytes as usize && page.records.len() < PAGE {
            let Some(record) = newer.next() else { break };
            size += record.payload.len();
            page.records.push(record.clone());
        }
        page.more = newer.peek().is_some();
        Ok(page)
    }

    async fn before(&self, time: Timestamp) -> Result<Sequence, JournalError> {
        let log = locked(&self.0.log);
        let earlier = log.records.partition_point(|record| record.stored_at < time);
        Ok(Sequence(earlier as u64))
    }

    async fn follow(&self, filter: &EventFilter, after: Sequence) -> Result<Records, JournalError> {
        let follower = Follower {
            shared: self.0.clone(),
            head: self.0.head.subscribe(),
            filter: filter.clone(),
            last: after,
        };
        let records = futures::stream::unfold(Some(follower), |follower| async {
            let mut follower = follower?;
            let item = follower.next().await;
            let next = item.is_ok().then_some(follower);
            Some((item, next))
        });
        Ok(records.boxed())
    }

    async fn head(&self) -> Result<Sequence, JournalError> {
        Ok(locked(&self.0.log).head())
    }
}

impl Store for MemoryJournal {
    async fn attempt(&self, request: &Request<'_>) -> Result<Attempt, JournalError> {
        let mut log = locked(&self.0.log);
        let fault = log.faults.pop_front();
        if fault == Some(Fault::LoseRequest) {
            return Ok(Attempt::NoAnswer("the request was lost on purpose".to_owned()));
        }
        // The server's order on an unreplicated stream: the expectation first, then the id.
        let last = log
            .subjects
            .get(request.subject)
            .and_then(|all| all.last().copied())
            .unwrap_or_default();
        if last != request.expected {
            return Ok(Attempt::WrongSequence(format!("wrong last sequence: {last}")));
        }
        let key = dedupe::commit(request.subject, request.command_id);
        if let Some(sequence) = log.recent.get(&key) {
            return Ok(Attempt::Duplicate(sequence));
        }
        let sequence = Sequence(log.head().0 + 1);
        log.records.push(Record {
            subject: request.subject.clone(),
            sequence,
            command_id: request.command_id.clone(),
            stored_at: (self.0.options.clock)(),
            payload: request.payload.clone(),
        });
        log.subjects
            .entry(request.subject.clone())
            .or_default()
            .push(sequence);
        log.recent.insert(key, sequence);
        self.0.head.send_replace(sequence);
        Ok(match fault {
            Some(Fault::LoseAnswer) => Attempt::NoAnswer("the answer was lost on purpose".to_owned()),
            _ => Attempt::Stored(sequence),
        })
    }

    async fn tail(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        let log = locked(&self.0.log);
        let Some(sequences) = log.subjects.get(subject) else {
            return Ok(Page::default());
        };
        let from = sequences.partition_point(|sequence| *sequence <= after);
        let newer = sequences[from..].iter();
        let records: Vec<Record> = newer
            .take(PAGE)
            .filter_map(|sequence| log.at(*sequence))
            .cloned()
            .collect();
        let more = sequences.len() - from > PAGE;
        Ok(Page { records, more })
    }

    async fn at(&self, sequence: Sequence) -> Result<Record, JournalError> {
        let log = locked(&self.0.log);
        log.at(sequence)
            .cloned()
            .ok_or_else(|| behind("EVENTS", sequence, log.head()))
    }
}

struct Follower {
    shared: Arc<Shared>,
    head: watch::Receiver<Sequence>,
    filter: EventFilter,
    last: Sequence,
}

impl Follower {
    async fn next(&mut self) -> Result<Record, JournalError> {
        loop {
            // Marked before it is looked at, so that no commit can come between the look and the wait.
            self.head.mark_unchanged();
            {
                let log = locked(&self.shared.log);
                if log.head() < self.last {
                    return Err(behind(&self.filter.to_string(), self.last, log.head()));
                }
                while let Some(record) = log.at(Sequence(self.last.0 + 1)) {
                    self.last = record.sequence;
                    if self.filter.admits(&record.subject) {
                        return Ok(record.clone());
                    }
                }
            }
            // The sender lives in `shared`, which this follower holds.
            let _ = self.head.changed().await;
        }
    }
}

fn behind(subject: &str, seen: Sequence, head: Sequence) -> JournalError {
    JournalError::Behind {
        subject: subject.to_owned(),
        seen,
        detail: format!("the log ends at {head}"),
    }
}
