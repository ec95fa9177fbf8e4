//! `HostDown`: what becomes of a sandbox whose host was silent for longer than its lease.

use roost_schemas::Generation;
use roost_schemas::event::{Cause, Lost, ResumeFailed, Reverted, SandboxEvent};
use roost_schemas::spec::OnHostDown;

use super::{Phase, Sandbox, report};
use crate::Rejection;

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
        _ => {
            let last = match sealed_last(sandbox) {
                Some(snapshot) => SandboxEvent::Reverted(Reverted {
                    generation,
                    snapshot,
                    cause,
                }),
                None => SandboxEvent::Lost(Lost { generation, cause }),
            };
            Ok(report::closing(sandbox, "its host is down", last))
        }
    }
}

/// What it goes back to, if it is to.
fn sealed_last(sandbox: &Sandbox) -> Option<roost_schemas::snapshot::Snapshot> {
    let requested = sandbox.requested.as_ref()?;
    let wanted = requested.spec.on_host_down == OnHostDown::Resume;
    sandbox.snapshots.last().filter(|_| wanted).cloned()
}
