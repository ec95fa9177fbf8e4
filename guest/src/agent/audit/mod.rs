//! The agent's end of the audit feed (see [`roost_schemas::audit`]): what clients start stands in the log first.
//!
//! ```text
//!            host: recorded                     host: recorded
//! starting ─────────────────▶ may start ─▶ ended ─────────────▶ forgotten
//!     │
//!     └─ refused, or no answer in time ─▶ never starts (ended as "not started", when the host may have heard of it)
//! ```

mod book;
mod connection;
mod marks;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connectrpc::ConnectError;
use roost_schemas::ProcessId;
use roost_schemas::audit::{Answer, Ended, Fact, MAX_LINE, Notice, Starting, Verdict};
use roost_schemas::event::ExitStatus;
use thiserror::Error;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;

use book::Book;
pub(super) use connection::answer;
use marks::Marks;

/// How long a process waits for its entry. The host's log is a round trip and a disk's write away; a client that asks
/// for a process gives up after a minute.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the marks of processes outlive a restart of the agent: in memory, readable by root alone.
pub(super) const MARKS: &str = "/run/roost/processes";

/// Facts that may be open before nothing more is started: the most processes there can be, each with a start given up
/// before, and some.
const OPEN: usize = 4096;

/// Why a process may not start.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Barred {
    #[error("the sandbox's host did not record the process within {PATIENCE:?}; try again")]
    NoAnswer,
    #[error("the sandbox's host does not answer: {OPEN} facts wait to be recorded; try again later")]
    Backlog,
    #[error("{0}")]
    Refused(String),
    #[error(
        "the command is longer than the log takes: {0} bytes as JSON, of {MAX_LINE}; pass long arguments by file"
    )]
    TooLong(usize),
}

impl From<Barred> for ConnectError {
    fn from(error: Barred) -> Self {
        let message = error.to_string();
        match error {
            Barred::NoAnswer | Barred::Backlog => Self::unavailable(message),
            Barred::Refused(_) => Self::failed_precondition(message),
            Barred::TooLong(_) => Self::invalid_argument(message),
        }
    }
}

/// The facts that the host has yet to answer.
#[derive(Debug)]
pub(super) struct Audit {
    book: Mutex<Book>,
    marks: Marks,
    /// There is a new fact.
    news: Notify,
    /// Which connection is the newest.
    newest: watch::Sender<u64>,
}

impl Audit {
    /// An empty feed, but for the processes of an agent that ran before and left its marks in `folder`.
    pub(super) fn open(folder: PathBuf) -> Self {
        let (marks, left) = Marks::open(folder);
        let audit = Self {
            book: Mutex::default(),
            marks,
            news: Notify::new(),
            newest: watch::Sender::default(),
        };
        for (process, since) in left {
            let reason = "the guest's agent was restarted, and the process may still run".to_owned();
            audit.ended(Ended {
                process,
                status: ExitStatus::Unknown { reason },
                duration_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
                stdout_bytes: 0,
                stderr_bytes: 0,
            });
        }
        audit
    }

    /// Waits until a process stands in the log.
    pub(super) async fn admit(&self, starting: Starting) -> Result<(), Barred> {
        let process = starting.process.clone();
        let fact = Fact::Starting(starting);
        // The number is not known yet; the longest stands in for it.
        let line = line(&Notice {
            number: u64::MAX,
            fact: fact.clone(),
        });
        if line.len() > MAX_LINE {
            return Err(Barred::TooLong(line.len()));
        }
        let (verdict, answered) = oneshot::channel();
        let number = {
            let mut book = self.book();
            if book.open() >= OPEN {
                return Err(Barred::Backlog);
            }
            self.marks.set(&process);
            book.add(fact, Some(verdict))
        };
        self.news.notify_waiters();
        match timeout(PATIENCE, answered).await {
            Ok(Ok(Verdict::Recorded)) => Ok(()),
            Ok(Ok(Verdict::Refused(reason))) => {
                self.marks.clear(&process);
                Err(Barred::Refused(reason))
            }
            Ok(Err(_)) | Err(_) => {
                if self.book().withdraw(number) {
                    self.never_started(process, &Barred::NoAnswer.to_string());
                } else {
                    self.marks.clear(&process);
                }
                Err(Barred::NoAnswer)
            }
        }
    }

    /// Has the end of an admitted process recorded, however long that takes.
    pub(super) fn ended(&self, ended: Ended) {
        self.book().add(Fact::Ended(ended), None);
        self.news.notify_waiters();
    }

    /// Has it recorded that an admitted process could not be started.
    pub(super) fn never_started(&self, process: ProcessId, reason: &str) {
        self.ended(Ended {
            process,
            status: ExitStatus::NotStarted {
                reason: reason.to_owned(),
            },
            duration_ms: 0,
            stdout_bytes: 0,
            stderr_bytes: 0,
        });
    }

    /// The next fact after `number` that the host has not answered.
    async fn next(&self, number: u64) -> Notice {
        loop {
            let news = self.news.notified();
            if let Some(notice) = self.book().send_after(number) {
                return notice;
            }
            news.await;
        }
    }

    fn answered(&self, answer: Answer) {
        if let Some(Fact::Ended(ended)) = self.book().answer(answer) {
            self.marks.clear(&ended.process);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One notice as it is sent, without the end of the line.
fn line(notice: &Notice) -> Vec<u8> {
    serde_json::to_vec(notice).expect("a notice has no maps with odd keys and no failing parts")
}

#[cfg(test)]
mod tests;
