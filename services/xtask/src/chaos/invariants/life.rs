//! The life of a sandbox as its events tell it, known apart from the code that decides on them.
//!
//! ```text
//!   absent ─ requested ─ placed ─ starting ─ running ⇄ pausing ─ paused ⇄ resuming ─▶ running
//!                                               ▲ a program is admitted only here   │
//!                  generation + 1 with each placement, and every report carries the one that holds
//!   any live one ─▶ stopping ─▶ stopped        any but paused and stopping ─▶ lost, failed, reverted (paused again)
//! ```

use std::collections::BTreeSet;

use roost_schemas::event::{Cause, PauseReason, SandboxEvent, StopReason};
use roost_schemas::{Generation, ProcessId, SnapshotId, Timestamp};

use crate::chaos::notebook::Invariant;

/// Where a sandbox stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::chaos) enum Phase {
    #[default]
    Absent,
    Requested,
    Placed,
    Starting,
    Running,
    Pausing,
    Paused,
    Resuming,
    Stopping,
    Stopped,
    Lost,
    Failed,
}

impl Phase {
    /// The word that the gateway shows.
    pub(in crate::chaos) fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Requested => "requested",
            Self::Placed => "placed",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing can follow.
    pub(in crate::chaos) fn is_end(self) -> bool {
        matches!(self, Self::Stopped | Self::Lost | Self::Failed)
    }
}

/// A step that must not be.
#[derive(Debug)]
pub(in crate::chaos) struct Unlawful {
    pub(in crate::chaos) invariant: Invariant,
    pub(in crate::chaos) seen: String,
}

/// One sandbox, as far as its events have been told.
#[derive(Debug, Default)]
pub(in crate::chaos) struct Life {
    pub(in crate::chaos) phase: Phase,
    pub(in crate::chaos) generation: Generation,
    /// When it times out.
    pub(in crate::chaos) expires_at: Option<Timestamp>,
    /// Snapshots that it owes.
    pub(in crate::chaos) asked: BTreeSet<SnapshotId>,
    /// Whether it ever went back to an earlier snapshot.
    pub(in crate::chaos) reverted: bool,
    /// Why it ended unasked, and whether because its host was given up.
    pub(in crate::chaos) unasked: Option<(String, bool)>,
    sealing: Option<SnapshotId>,
    /// Whether its placement has come to run.
    has_run: bool,
    admitted: BTreeSet<ProcessId>,
    open: BTreeSet<ProcessId>,
}

type Step = Result<(), Unlawful>;

impl Life {
    /// Takes in one event, which the log stored then. After an unlawful one it goes on as the event says.
    pub(in crate::chaos) fn step(&mut self, event: &SandboxEvent, stored_at: Timestamp) -> Step {
        let lawful = self.judge(event, stored_at);
        self.follow(event);
        lawful
    }

    fn judge(&self, event: &SandboxEvent, stored_at: Timestamp) -> Step {
        match event {
            SandboxEvent::Requested(_) => self.from(event, &[Phase::Absent]),
            SandboxEvent::Placed(placed) => {
                self.from(event, &[Phase::Requested, Phase::Paused])?;
                let next = self.generation.next();
                lawful(placed.generation == next, || {
                    format!("placed as {}, not {next}", placed.generation)
                })
            }
            SandboxEvent::Starting(starting) => {
                self.reported(event, starting.generation, &[Phase::Placed, Phase::Starting])
            }
            SandboxEvent::StartFailed(failed) => self.reported(event, failed.generation, &[Phase::Starting]),
            SandboxEvent::Running(running) => {
                self.reported(event, running.generation, &[Phase::Starting, Phase::Resuming])?;
                lawful(!self.has_run, || {
                    format!("generation {} came to run twice", self.generation)
                })
            }
            SandboxEvent::Pausing(pausing) => {
                self.reported(event, pausing.generation, &[Phase::Running])?;
                self.in_time(pausing.reason == PauseReason::TimedOut, stored_at)
            }
            SandboxEvent::Paused(paused) => {
                self.reported(event, paused.generation, &[Phase::Pausing])?;
                let is_it = self.sealing.as_ref() == Some(&paused.snapshot.id);
                lawful(is_it, || {
                    format!("paused as {}, not {:?}", paused.snapshot.id, self.sealing)
                })
            }
            SandboxEvent::PauseFailed(failed) => self.reported(event, failed.generation, &[Phase::Pausing]),
            SandboxEvent::Resuming(resuming) => self.reported(event, resuming.generation, &[Phase::Placed]),
            SandboxEvent::ResumeFailed(failed) => self.reported(event, failed.generation, &[Phase::Resuming]),
            SandboxEvent::Reverted(reverted) => {
                self.reported(event, reverted.generation, &[Phase::Running, Phase::Pausing])
            }
            SandboxEvent::ProcessStarted(started) => {
                self.from(event, &[Phase::Running])?;
                once(!self.admitted.contains(&started.process), || {
                    format!("process {} was admitted twice", started.process)
                })
            }
            SandboxEvent::ProcessExited(exited) => once(self.open.contains(&exited.process), || {
                format!("process {} ended without running", exited.process)
            }),
            SandboxEvent::Stopping(stopping) => {
                let is_live = !self.phase.is_end() && !matches!(self.phase, Phase::Absent | Phase::Stopping);
                lawful(is_live, || format!("stopping while {}", self.phase.word()))?;
                self.in_time(stopping.reason == StopReason::TimedOut, stored_at)
            }
            SandboxEvent::Stopped => self.from(event, &[Phase::Stopping]),
            SandboxEvent::Lost(lost) => {
                let is_live = !self.phase.is_end() && !matches!(self.phase, Phase::Paused | Phase::Stopping);
                lawful(is_live && lost.generation == self.generation, || {
                    format!("lost in {} while {}", lost.generation, self.phase.word())
                })
            }
            SandboxEvent::Failed(_) => self.from(event, &[Phase::Requested, Phase::Placed, Phase::Starting]),
            SandboxEvent::TimeoutSet(_)
            | SandboxEvent::NetworkSet(_)
            | SandboxEvent::SnapshotAsked(_)
            | SandboxEvent::SnapshotTaken(_)
            | SandboxEvent::SnapshotFailed(_)
            | SandboxEvent::ActorCrashed(_) => {
                lawful(!self.phase.is_end(), || format!("{} after its end", word(event)))
            }
            // A template can be registered, and a snapshot be written anew, after its sandbox has ended.
            _ => Ok(()),
        }
    }

    /// Takes in one event, lawful or not.
    pub(in crate::chaos) fn follow(&mut self, event: &SandboxEvent) {
        match event {
            SandboxEvent::Requested(_) => self.phase = Phase::Requested,
            SandboxEvent::Placed(placed) => {
                self.phase = Phase::Placed;
                self.generation = placed.generation;
                self.has_run = false;
            }
            SandboxEvent::Starting(_) => self.phase = Phase::Starting,
            SandboxEvent::Running(running) => {
                self.phase = Phase::Running;
                self.has_run = true;
                self.expires_at = Some(running.expires_at);
            }
            SandboxEvent::Pausing(pausing) => {
                self.phase = Phase::Pausing;
                self.sealing = Some(pausing.snapshot.clone());
            }
            SandboxEvent::PauseFailed(_) => self.phase = Phase::Running,
            SandboxEvent::Paused(_) | SandboxEvent::ResumeFailed(_) => {
                self.phase = Phase::Paused;
                self.expires_at = None;
            }
            SandboxEvent::Resuming(_) => self.phase = Phase::Resuming,
            SandboxEvent::Reverted(_) => {
                self.phase = Phase::Paused;
                self.expires_at = None;
                self.reverted = true;
                self.asked.clear();
            }
            SandboxEvent::ProcessStarted(started) => {
                self.admitted.insert(started.process.clone());
                self.open.insert(started.process.clone());
            }
            SandboxEvent::ProcessExited(exited) => drop(self.open.remove(&exited.process)),
            SandboxEvent::TimeoutSet(set) => self.expires_at = Some(set.expires_at),
            SandboxEvent::SnapshotAsked(asked) => drop(self.asked.insert(asked.snapshot.clone())),
            SandboxEvent::SnapshotTaken(taken) => drop(self.asked.remove(&taken.snapshot.id)),
            SandboxEvent::SnapshotFailed(failed) => drop(self.asked.remove(&failed.snapshot)),
            SandboxEvent::TemplateSaved(saved) => drop(self.asked.remove(&saved.snapshot)),
            SandboxEvent::Stopping(_) => self.phase = Phase::Stopping,
            SandboxEvent::Stopped => self.phase = Phase::Stopped,
            SandboxEvent::Lost(lost) => self.ended(Phase::Lost, &lost.cause),
            SandboxEvent::Failed(failed) => self.ended(Phase::Failed, &failed.cause),
            _ => {}
        }
    }

    fn ended(&mut self, phase: Phase, cause: &Cause) {
        self.phase = phase;
        self.unasked = Some((format!("{cause:?}"), *cause == Cause::HostDown));
    }

    fn from(&self, event: &SandboxEvent, phases: &[Phase]) -> Step {
        lawful(phases.contains(&self.phase), || {
            format!("{} while {}", word(event), self.phase.word())
        })
    }

    fn reported(&self, event: &SandboxEvent, generation: Generation, phases: &[Phase]) -> Step {
        self.from(event, phases)?;
        lawful(generation == self.generation, || {
            format!("{} of {generation} in {}", word(event), self.generation)
        })
    }

    fn in_time(&self, timed_out: bool, stored_at: Timestamp) -> Step {
        let is_due = !timed_out || self.expires_at.is_some_and(|due| due <= stored_at);
        ensure(is_due, Invariant::Timely, || {
            format!("timed out at {stored_at:?}, but was due at {:?}", self.expires_at)
        })
    }
}

fn lawful(holds: bool, seen: impl FnOnce() -> String) -> Step {
    ensure(holds, Invariant::Lawful, seen)
}

fn once(holds: bool, seen: impl FnOnce() -> String) -> Step {
    ensure(holds, Invariant::Once, seen)
}

fn ensure(holds: bool, invariant: Invariant, seen: impl FnOnce() -> String) -> Step {
    if holds {
        Ok(())
    } else {
        let seen = seen();
        Err(Unlawful { invariant, seen })
    }
}

/// What an event is called in the log.
pub(in crate::chaos) fn word(event: &SandboxEvent) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    value["type"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
pub(super) mod tests;
