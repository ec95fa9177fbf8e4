//! `Kill`: end a sandbox, whatever it is doing.

use roost_schemas::command::Kill;
use roost_schemas::event::{SandboxEvent, StopReason, Stopping};

use super::{Phase, Sandbox};
use crate::Rejection;

pub(super) fn decide(sandbox: &Sandbox, kill: Kill) -> Result<Vec<SandboxEvent>, Rejection> {
    if sandbox.phase == Phase::Absent {
        return Err(Rejection::Absent { command: "kill" });
    }
    // A timeout that was extended after the reconciler looked must not kill.
    let early = kill.reason == StopReason::TimedOut && !sandbox.ends_at(kill.due);
    Ok(
        if early || sandbox.phase == Phase::Stopping || sandbox.phase.is_end() {
            Vec::new()
        } else {
            vec![SandboxEvent::Stopping(Stopping { reason: kill.reason })]
        },
    )
}
