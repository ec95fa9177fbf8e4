//! Sandboxes whose host has not set out to start them.

use std::time::Duration;

use roost_schemas::command::{SandboxCommand, Start};
use roost_schemas::subject::Route;
use roost_schemas::{SandboxId, TenantId, Timestamp};

use super::{Correction, round};
use crate::fleet::View;
use crate::sandbox::{Phase, Sandbox};

/// How long a placed sandbox may wait for its host's first word before the host is told again; then twice as long, and so on.
pub const START_PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn correct(
    tenant: &TenantId,
    id: &SandboxId,
    view: &View<Sandbox>,
    now: Timestamp,
) -> Option<Correction> {
    let sandbox = &view.state;
    let waited = now.since(view.updated_at);
    if sandbox.phase != Phase::Placed || waited < START_PATIENCE {
        return None;
    }
    let round = round(waited, START_PATIENCE);
    let route = Route::Host(sandbox.placed.as_ref()?.host.clone());
    let start = Start {
        generation: sandbox.generation(),
    };
    Some(Correction::of(
        (tenant, id, view),
        route,
        &format!("start.{round}"),
        SandboxCommand::Start(start),
    ))
}
