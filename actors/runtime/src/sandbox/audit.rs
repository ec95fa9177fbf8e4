//! Following a guest's audit feed: what clients start there stands in the log before it runs.
//!
//! ```text
//!   connect ─▶ notice ─▶ Report::Noticed ─▶ decide, append ─▶ verdict ─▶ answer
//!      ▲          ▲                                                         │
//!      │          └─────────────────────────────────────────────────────────┘
//!      └── pause ◀── the connection broke, or there was none
//! ```
//!
//! One notice at a time. What is not answered before the connection breaks is told again on the next one, and each fact is
//! named by its process, so that however often it is told it counts once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use ractor::ActorRef;
use roost_domain::sandbox::{Command, Phase, ProcessEnd, Sandbox};
use roost_schemas::audit::{Answer, Ended, Fact, Starting, Verdict};
use roost_schemas::event::{ExitStatus, ProcessOrigin, ProcessStarted};
use roost_schemas::{Generation, Owner};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::state::{LOG_PATIENCE, State};
use super::{Message, Report};
use crate::Refusal;
use crate::host::Context;
use crate::port::{AuditFeed, Fault};

/// The pauses before a feed that broke is connected to again: clients that start programs wait meanwhile.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Notices of one guest: so many at once, then one at a time. Each is a commit, so a guest that tells without end waits.
const NOTICES: (u32, Duration) = (512, Duration::from_millis(10));
/// Characters of a guest's words that an event keeps.
const MAX_REASON: usize = 2000;

/// Follows one guest.
struct Follower {
    context: Arc<Context>,
    owner: Owner,
    myself: ActorRef<Message>,
    pace: Pace,
}

/// The actor is gone: its next life follows the guest anew.
struct Orphaned;

impl State {
    /// Follows the guest's audit feed as long as the sandbox runs and its VM is held, and no longer.
    pub(super) fn keep_audit(&mut self, sandbox: &Sandbox) {
        if sandbox.phase != Phase::Running || self.watch.is_none() {
            self.audit = None;
        } else if self.audit.is_none() {
            let follower = Follower {
                context: Arc::clone(&self.args.context),
                owner: self.owner(sandbox.generation()),
                myself: self.myself.clone(),
                pace: Pace::new(NOTICES),
            };
            let cancel = CancellationToken::new();
            self.audit = Some(cancel.clone().drop_guard());
            tokio::spawn(async move { cancel.run_until_cancelled(follower.run()).await });
        }
    }

    /// Lets what the guest's agent tells take effect, and answers it.
    pub(super) async fn noticed(
        &mut self,
        generation: Generation,
        fact: Fact,
        verdict: oneshot::Sender<Verdict>,
    ) {
        let answer = match self.record(generation, &fact).await {
            Ok(()) => Verdict::Recorded,
            // An end that comes too late to matter stands in the log in some other way.
            Err(refusal) if refusal.is_final() => match fact {
                Fact::Starting(_) => Verdict::Refused(refusal.to_string()),
                Fact::Ended(_) => Verdict::Recorded,
            },
            Err(refusal) => {
                tracing::warn!(sandbox = %self.args.sandbox, error = %refusal, "an audit notice has to wait");
                let again = Report::Noticed {
                    generation,
                    fact,
                    verdict,
                };
                self.later(LOG_PATIENCE, again.into());
                return;
            }
        };
        // Whoever asked may be gone with the connection: the guest tells it again.
        let _ = verdict.send(answer);
    }

    async fn record(&mut self, generation: Generation, fact: &Fact) -> Result<(), Refusal> {
        match fact {
            Fact::Starting(starting) => {
                let fact = format!("process.{}.asked", starting.process);
                let started = started(starting);
                let command = Command::ProcessAsked { generation, started };
                self.tell(generation, &fact, command).await?;
            }
            Fact::Ended(ended) => {
                let sandbox = self.ledger().await?.state();
                // What commands started is its carrier's to end, whatever a guest says.
                if sandbox.processes.get(&ended.process) == Some(&ProcessOrigin::Agent) {
                    let fact = format!("process.{}.ended", ended.process);
                    self.tell(generation, &fact, Command::ProcessEnded(end(ended)))
                        .await?;
                }
            }
        }
        Ok(())
    }
}

impl Follower {
    async fn run(mut self) {
        let (first, longest) = PAUSE;
        let mut pause = first;
        loop {
            let began = Instant::now();
            match AssertUnwindSafe(self.round()).catch_unwind().await {
                Ok(Ok(Orphaned)) => return,
                Ok(Err(fault)) => {
                    tracing::debug!(owner = %self.owner, %fault, "the audit feed is taken up again");
                }
                Err(_) => tracing::error!(owner = %self.owner, "following the audit feed panicked"),
            }
            if began.elapsed() > longest {
                pause = first;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// One connection, to its end.
    async fn round(&mut self) -> Result<Orphaned, Fault> {
        // Asked each time: an address may be another guest's once its slot was released.
        let address = self.context.guest_of(&self.owner).await?;
        let AuditFeed { mut notices, answers } =
            self.context.guests.audit(address, &self.owner.sandbox).await?;
        while let Some(notice) = notices.next().await {
            let notice = notice?;
            self.pace.take().await;
            let (verdict, told) = oneshot::channel();
            let report = Report::Noticed {
                generation: self.owner.generation,
                fact: notice.fact,
                verdict,
            };
            if self.myself.send_message(report.into()).is_err() {
                return Ok(Orphaned);
            }
            let Ok(verdict) = told.await else {
                return Ok(Orphaned);
            };
            let answer = Answer {
                number: notice.number,
                verdict,
            };
            if answers.send(answer).await.is_err() {
                break;
            }
        }
        Err(Fault::new(
            "follow the audit feed",
            "the guest closed the connection",
        ))
    }
}

fn started(starting: &Starting) -> ProcessStarted {
    let Starting {
        process,
        cmd,
        args,
        cwd,
        user,
        timeout_sec,
        pty,
        tag,
    } = starting.clone();
    ProcessStarted {
        process,
        cmd,
        args,
        cwd: Some(cwd),
        user: Some(user),
        timeout_sec,
        pty,
        tag,
        origin: ProcessOrigin::Agent,
    }
}

fn end(ended: &Ended) -> ProcessEnd {
    let Ended {
        process,
        mut status,
        duration_ms,
        stdout_bytes,
        stderr_bytes,
    } = ended.clone();
    if let ExitStatus::NotStarted { reason } | ExitStatus::Unknown { reason } = &mut status
        && let Some((cut, _)) = reason.char_indices().nth(MAX_REASON)
    {
        reason.truncate(cut);
    }
    ProcessEnd {
        process,
        status,
        duration_ms,
        stdout_bytes,
        stderr_bytes,
    }
}
