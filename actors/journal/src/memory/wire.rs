//! The way between one process and the log in memory, and what a simulator lets go wrong on it.
//!
//! ```text
//!   process ── request ──▶ [ passes · lost · late · twice ] ──▶ log
//!           ◀── answer ───────── [ lost ] ─────────────────────
//! ```
//!
//! The append rule runs above it, so that each of its tries meets its own fate, as on a real connection.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Sequence, Timestamp};

use super::MemoryJournal;
use crate::append::{self, Attempt, Request, Store};
use crate::port::{Append, Journal, JournalError, Page, Record, Records};

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It arrives, and so does its answer.
    Through,
    /// It never arrives.
    Lost,
    /// It arrives; its answer does not.
    Unanswered,
    /// It arrives this long after its sender has given up.
    Late(Duration),
    /// It arrives, and so does a copy of it, this long after.
    Twice(Duration),
}

impl Passage {
    /// Whether the sender hears of what it has led to.
    pub fn is_answered(self) -> bool {
        matches!(self, Self::Through | Self::Twice(_))
    }
}

/// One process's way to the log.
#[async_trait]
pub trait Wire: Send + Sync + 'static {
    /// How long one append is tried altogether.
    fn patience(&self) -> Duration;

    /// Decides over a request. It takes as long as its sender then waits for nothing, or for the answer.
    async fn pass(&self, request: &'static str, about: String) -> Passage;

    /// The request was dealt with; called before its sender hears of it.
    async fn passed(&self);

    /// Waits until a message of something that is followed gets through, as it does at last.
    async fn deliver(&self, stream: &'static str, about: String);
}

/// The event log as the process at the other end of a [`Wire`] has it.
#[derive(Clone)]
pub struct WiredJournal {
    journal: MemoryJournal,
    wire: Arc<dyn Wire>,
}

impl MemoryJournal {
    /// The same log at the end of `wire`.
    pub fn over(&self, wire: Arc<dyn Wire>) -> WiredJournal {
        WiredJournal {
            journal: self.clone(),
            wire,
        }
    }
}

impl WiredJournal {
    /// Asks what changes nothing.
    async fn ask<T>(
        &self,
        request: &'static str,
        about: String,
        answer: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let passage = self.wire.pass(request, about).await;
        let answer = answer.await;
        self.wire.passed().await;
        if passage.is_answered() {
            return answer;
        }
        Err(JournalError::Unavailable {
            action: request,
            detail: format!("{passage:?}"),
        })
    }
}

#[async_trait]
impl Journal for WiredJournal {
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
        append::append(self, request, self.wire.patience()).await
    }

    async fn read(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        self.tail(subject, after).await
    }

    async fn page(&self, filter: &EventFilter, after: Sequence, bytes: u32) -> Result<Page, JournalError> {
        let about = format!("{filter} after {after}");
        self.ask("page", about, self.journal.page(filter, after, bytes))
            .await
    }

    async fn before(&self, time: Timestamp) -> Result<Sequence, JournalError> {
        self.ask("before", time.0.to_string(), self.journal.before(time))
            .await
    }

    async fn follow(&self, filter: &EventFilter, after: Sequence) -> Result<Records, JournalError> {
        let about = format!("{filter} after {after}");
        let records = self
            .ask("follow", about, self.journal.follow(filter, after))
            .await?;
        let wire = Arc::clone(&self.wire);
        let delivered = records.then(move |record| {
            let wire = Arc::clone(&wire);
            async move {
                if let Ok(record) = &record {
                    wire.deliver("follow", record.sequence.to_string()).await;
                }
                record
            }
        });
        Ok(delivered.boxed())
    }

    async fn head(&self) -> Result<Sequence, JournalError> {
        self.ask("head", String::new(), self.journal.head()).await
    }
}

impl Store for WiredJournal {
    async fn attempt(&self, request: &Request<'_>) -> Result<Attempt, JournalError> {
        let about = format!(
            "{} {} after {}",
            request.subject, request.command_id, request.expected
        );
        let passage = self.wire.pass("append", about).await;
        let attempt = match passage {
            Passage::Lost => None,
            Passage::Through | Passage::Unanswered => Some(self.journal.attempt(request).await),
            Passage::Twice(after) => {
                let attempt = self.journal.attempt(request).await;
                self.later(request, after);
                Some(attempt)
            }
            Passage::Late(after) => {
                self.later(request, after);
                None
            }
        };
        self.wire.passed().await;
        attempt
            .filter(|_| passage.is_answered())
            .unwrap_or_else(|| Ok(Attempt::NoAnswer(format!("{passage:?}"))))
    }

    async fn tail(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError> {
        let about = format!("{subject} after {after}");
        self.ask("read", about, self.journal.tail(subject, after)).await
    }

    async fn at(&self, sequence: Sequence) -> Result<Record, JournalError> {
        self.ask("at", sequence.to_string(), self.journal.at(sequence))
            .await
    }
}

impl WiredJournal {
    /// Lets a copy of an append arrive when nobody waits for its answer.
    fn later(&self, request: &Request<'_>, after: Duration) {
        let journal = self.journal.clone();
        let (subject, command_id) = (request.subject.clone(), request.command_id.clone());
        let (expected, payload) = (request.expected, request.payload.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let request = Request {
                subject: &subject,
                expected,
                command_id: &command_id,
                payload,
            };
            // Its sender has gone on.
            let _ = journal.attempt(&request).await;
        });
    }
}
