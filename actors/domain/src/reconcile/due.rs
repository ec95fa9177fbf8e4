//! Sandboxes whose time is over.

use std::time::Duration;

use roost_schemas::command::{Kill, Pause, SandboxCommand};
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::spec::OnTimeout;
use roost_schemas::subject::Route;
use roost_schemas::{SandboxId, TenantId};

use super::{Correction, Observed, round};
use crate::fleet::View;
use crate::sandbox::{Phase, Sandbox};

/// How long a sandbox may outlive its time before it is told again; then twice as long, and so on.
pub const EXPIRY_PATIENCE: Duration = Duration::from_secs(5);

/// How long a sandbox that could not be paused at its end of time is left alone: each attempt stops it for a while, and
/// writes as much as it has memory.
pub const PAUSE_PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn correct(
    tenant: &TenantId,
    id: &SandboxId,
    view: &View<Sandbox>,
    observed: &Observed,
) -> Option<Correction> {
    let sandbox = &view.state;
    if sandbox.phase != Phase::Running {
        return None;
    }
    let late = *observed.overdue.get(&(tenant.clone(), id.clone()))?;
    let (fact, command) = expire(sandbox, late)?;
    let route = Route::Host(sandbox.placed.as_ref()?.host.clone());
    Some(Correction::of((tenant, id, view), route, &fact, command))
}

/// What is told to one whose time is over, and the fact that its command's id is made from.
fn expire(sandbox: &Sandbox, late: Duration) -> Option<(String, SandboxCommand)> {
    let due = sandbox.expires_at?;
    let round = |patience| round(late, patience);
    let expire = format!("expire.{}.{}", due.0, round(EXPIRY_PATIENCE));
    let due_at = Some(due);
    Some(match sandbox.requested.as_ref()?.spec.on_timeout {
        OnTimeout::Kill => {
            let reason = StopReason::TimedOut;
            (expire, SandboxCommand::Kill(Kill { reason, due: due_at }))
        }
        OnTimeout::Pause => {
            let reason = PauseReason::TimedOut;
            // A cause while it runs is that of a pause that failed.
            let fact = match (&sandbox.cause, round(PAUSE_PATIENCE)) {
                (None, _) => expire,
                (Some(_), 0) => return None,
                (Some(_), round) => format!("pause.{}.{round}", due.0),
            };
            (fact, SandboxCommand::Pause(Pause { reason, due: due_at }))
        }
    })
}
