//! Reconciliation: what must be commanded so that the observed fleet becomes the desired one, a pure function.

use std::time::Duration;

use roost_schemas::command::{Kill, Pause, SandboxCommand, Start};
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::spec::OnTimeout;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, SandboxId, TenantId, Timestamp};

use crate::fleet::{Fleet, View};
use crate::sandbox::{Phase, Sandbox};

/// How long a placed sandbox may wait for its host's first word before the host is told again.
pub const START_PATIENCE: Duration = Duration::from_secs(10);

/// How long a sandbox may outlive its time before it is told again, which a host whose clock is behind may need.
pub const EXPIRY_PATIENCE: Duration = Duration::from_secs(5);

/// How long a sandbox that could not be paused at its end of time is left alone: each attempt stops it for a while, and
/// writes as much as it has memory.
pub const PAUSE_PATIENCE: Duration = Duration::from_mins(1);

/// A command that the reconciler issues. Planned twice in one round it has the same id, so it is
/// queued once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Where it goes.
    pub subject: CommandSubject,
    /// Its id.
    pub command_id: CommandId,
    /// What is to be done.
    pub command: SandboxCommand,
}

/// What the fleet needs at `now`.
pub fn plan(fleet: &Fleet, now: Timestamp) -> Vec<Correction> {
    fleet
        .live()
        .filter_map(|(tenant, id, view)| correct(tenant, id, view, now))
        .collect()
}

fn correct(tenant: &TenantId, id: &SandboxId, view: &View<Sandbox>, now: Timestamp) -> Option<Correction> {
    let sandbox = &view.state;
    let generation = sandbox.generation();
    let (fact, command) = match sandbox.phase {
        Phase::Running => {
            let due = sandbox.expires_at.filter(|due| *due <= now)?;
            expire(sandbox, due, now)?
        }
        Phase::Placed => {
            let waited = now.since(view.updated_at);
            let round = waited.as_secs() / START_PATIENCE.as_secs();
            (waited >= START_PATIENCE).then(|| {
                (
                    format!("start.{round}"),
                    SandboxCommand::Start(Start { generation }),
                )
            })?
        }
        _ => return None,
    };
    let host = sandbox.placed.as_ref()?.host.clone();
    Some(Correction {
        subject: CommandSubject {
            tenant: tenant.clone(),
            route: Route::Host(host),
            sandbox: id.clone(),
        },
        command_id: CommandId::system(id, generation, &fact),
        command,
    })
}

/// What is told to one whose time is over, and the fact that its command's id is made from.
fn expire(sandbox: &Sandbox, due: Timestamp, now: Timestamp) -> Option<(String, SandboxCommand)> {
    let round = |patience: Duration| now.since(due).as_secs() / patience.as_secs();
    let expire = format!("expire.{}.{}", due.0, round(EXPIRY_PATIENCE));
    Some(match sandbox.requested.as_ref()?.spec.on_timeout {
        OnTimeout::Kill => {
            let reason = StopReason::TimedOut;
            (expire, SandboxCommand::Kill(Kill { reason }))
        }
        OnTimeout::Pause => {
            let reason = PauseReason::TimedOut;
            // A cause while it runs is that of a pause that failed.
            let fact = match (&sandbox.cause, round(PAUSE_PATIENCE)) {
                (None, _) => expire,
                (Some(_), 0) => return None,
                (Some(_), round) => format!("pause.{}.{round}", due.0),
            };
            (fact, SandboxCommand::Pause(Pause { reason }))
        }
    })
}
