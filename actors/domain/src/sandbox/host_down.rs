//! `HostDown`: what becomes of a sandbox whose host was silent for longer than its lease.

use roost_schemas::Generation;
use roost_schemas::event::{Cause, Lost, ResumeFailed, Reverted, SandboxEvent, SnapshotFailed};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::OnHostDown;

use super::{Phase, Sandbox, report};
use crate::Rejection;

/// How whatever ran in it is said to have ended.
const REASON: &str = "its host is down";

/// What is paused stays so: it needs its host only when it is resumed.
pub(super) fn decide(sandbox: &Sandbox, generation: Generation) -> Result<Vec<SandboxEvent>, Rejection> {
    if sandbox.phase == Phase::Absent {
        return Err(Rejection::Absent {
            command: "loss of a host",
        });
    }
    sandbox.fence(generation)?;
    let cause = Cause::HostDown;
    match sandbox.phase {
        // Whoever ends it does so when its host is back.
        Phase::Paused | Phase::Stopping => Ok(Vec::new()),
        phase if phase.is_end() => Ok(Vec::new()),
        Phase::Resuming => Ok(vec![SandboxEvent::ResumeFailed(ResumeFailed {
            generation,
            cause,
        })]),
        _ => Ok(match sealed_last(sandbox) {
            Some(snapshot) => revert(sandbox, generation, snapshot),
            None => report::closing(sandbox, REASON, SandboxEvent::Lost(Lost { generation, cause })),
        }),
    }
}

/// It goes back in time: whatever was asked of it since then has come to nothing.
fn revert(sandbox: &Sandbox, generation: Generation, snapshot: Snapshot) -> Vec<SandboxEvent> {
    let cause = Cause::HostDown;
    let untaken = sandbox.asked.keys().map(|asked| {
        SandboxEvent::SnapshotFailed(SnapshotFailed {
            snapshot: asked.clone(),
            cause: cause.clone(),
        })
    });
    let reverted = SandboxEvent::Reverted(Reverted {
        generation,
        snapshot,
        cause: cause.clone(),
    });
    let closing = report::closing(sandbox, REASON, reverted);
    untaken.chain(closing).collect()
}

/// What it goes back to, if it is to.
fn sealed_last(sandbox: &Sandbox) -> Option<Snapshot> {
    let requested = sandbox.requested.as_ref()?;
    let wanted = requested.spec.on_host_down == OnHostDown::Resume;
    sandbox.snapshots.last().filter(|_| wanted).cloned()
}
