//! Hosts that are down, and what was on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use roost_schemas::command::{HostDown, Resume, SandboxCommand};
use roost_schemas::event::HostDown as Silent;
use roost_schemas::subject::Route;
use roost_schemas::{HostId, SandboxId, TenantId, Timestamp};

use super::{Correction, round};
use crate::fleet::{Fleet, View};
use crate::sandbox::{Phase, Sandbox};

/// How long a sandbox that went back to its last snapshot may wait before it is told again to resume; then twice as long,
/// and so on.
const REVIVE_PATIENCE: Duration = Duration::from_secs(30);

/// Those that the log says are down.
pub(super) fn down(fleet: &Fleet) -> BTreeSet<&HostId> {
    let down = fleet.hosts().filter(|(_, view)| view.state.down.is_some());
    down.map(|(host, _)| host).collect()
}

/// Of those whose lease is revoked, the ones of which the log does not say so yet.
pub(super) fn undeclared(fleet: &Fleet, revoked: &BTreeMap<HostId, Silent>) -> BTreeMap<HostId, Silent> {
    let known = |host: &HostId| fleet.hosts().find(|(other, _)| *other == host);
    let undeclared = revoked
        .iter()
        .filter(|(host, down)| known(host).is_some_and(|(_, view)| view.state.runs_by(down)));
    undeclared
        .map(|(host, down)| (host.clone(), down.clone()))
        .collect()
}

/// For one on a host that is down.
pub(super) fn correct(tenant: &TenantId, id: &SandboxId, view: &View<Sandbox>) -> Option<Correction> {
    let sandbox = &view.state;
    if matches!(sandbox.phase, Phase::Paused | Phase::Stopping) {
        return None;
    }
    let down = HostDown {
        generation: sandbox.generation(),
    };
    Some(Correction::of(
        (tenant, id, view),
        Route::Any,
        // Of each state once: a resume may follow.
        &format!("host-down.{}", view.sequence),
        SandboxCommand::HostDown(down),
    ))
}

/// For one that is paused only because its host was down, once the host of its snapshot is there.
pub(super) fn revive(
    tenant: &TenantId,
    id: &SandboxId,
    view: &View<Sandbox>,
    now: Timestamp,
) -> Option<Correction> {
    let sandbox = &view.state;
    if sandbox.phase != Phase::Paused || !sandbox.reverted {
        return None;
    }
    let round = round(now.since(view.updated_at), REVIVE_PATIENCE);
    Some(Correction::of(
        (tenant, id, view),
        Route::Any,
        &format!("revive.{round}"),
        SandboxCommand::Resume(Resume::default()),
    ))
}
