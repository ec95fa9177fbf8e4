//! `Pause`: seal a running sandbox and free what it holds.

use roost_schemas::command::Pause;
use roost_schemas::event::{Cause, PauseFailed, PauseReason, Paused, Pausing, SandboxEvent, SnapshotFailed};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{Generation, SnapshotId};

use super::{Phase, Sandbox};
use crate::Rejection;

type Decided = Result<Vec<SandboxEvent>, Rejection>;

pub(super) fn decide(sandbox: &Sandbox, snapshot: &SnapshotId, pause: Pause) -> Decided {
    match sandbox.phase {
        Phase::Pausing | Phase::Paused => Ok(Vec::new()),
        // A timeout that was extended after the reconciler looked must not pause.
        Phase::Running if pause.reason == PauseReason::TimedOut && !sandbox.ends_at(pause.due) => {
            Ok(Vec::new())
        }
        // Found sealed, it would be taken for what the sandbox is now.
        Phase::Running if sandbox.knows(snapshot) => Err(Rejection::SnapshotExists(snapshot.clone())),
        Phase::Running => Ok(vec![SandboxEvent::Pausing(Pausing {
            generation: sandbox.generation(),
            snapshot: snapshot.clone(),
            reason: pause.reason,
        })]),
        _ => Err(sandbox.refuse("pause", "running")),
    }
}

pub(super) fn sealed(sandbox: &Sandbox, generation: Generation, snapshot: &Snapshot) -> Decided {
    sandbox.fence(generation)?;
    let this = |pausing: &Pausing| pausing.snapshot == snapshot.id;
    match sandbox.phase {
        Phase::Pausing if sandbox.pausing.as_ref().is_some_and(this) => {
            let untaken = sandbox.asked.keys().filter(|id| sandbox.snapshot(id).is_none());
            let overtaken = untaken.map(|id| {
                SandboxEvent::SnapshotFailed(SnapshotFailed {
                    snapshot: id.clone(),
                    cause: Cause::StepFailed {
                        step: "take the snapshot".to_owned(),
                        detail: "the sandbox was paused before it was taken; ask again".to_owned(),
                    },
                })
            });
            let paused = SandboxEvent::Paused(Paused {
                generation,
                snapshot: snapshot.clone(),
            });
            Ok(overtaken.chain([paused]).collect())
        }
        Phase::Paused | Phase::Stopping => Ok(Vec::new()),
        phase if phase.is_end() => Ok(Vec::new()),
        _ => Err(sandbox.refuse("report of a pause", "pausing, as that snapshot")),
    }
}

pub(super) fn failed(sandbox: &Sandbox, generation: Generation, cause: &Cause) -> Decided {
    sandbox.fence(generation)?;
    match sandbox.phase {
        Phase::Pausing => Ok(vec![SandboxEvent::PauseFailed(PauseFailed {
            generation,
            cause: cause.clone(),
        })]),
        phase if phase.is_end() || phase == Phase::Stopping => Ok(Vec::new()),
        _ => Err(sandbox.refuse("report of a failed pause", "pausing")),
    }
}
