//! Reconciliation: what must be done so that the observed fleet becomes the desired one, a pure function.
//!
//! ```text
//!   fleet (desired: the log) ─┐
//!   observed: leases, clock ──┴─▶ plan ─▶ revoke a lease │ say in the log that a host is down │ commands
//! ```
//!
//! What is planned twice has the same id, so it takes effect once; what was not heeded is planned again under another id,
//! each time later than before.

mod due;
mod hosts;
mod starts;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use roost_schemas::command::SandboxCommand;
use roost_schemas::event::HostDown;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, HostId, LifeId, SandboxId, TenantId, Timestamp};

use crate::fleet::{Fleet, View};
use crate::sandbox::Sandbox;

pub use due::{EXPIRY_PATIENCE, PAUSE_PATIENCE};
pub use starts::START_PATIENCE;

/// What is seen beside the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The time of day: only for how long ago a commit was issued, never for whether a sandbox's time is over.
    pub now: Timestamp,
    /// Sandboxes whose time is over, and for how long, by a clock that nobody can set.
    pub overdue: BTreeMap<(TenantId, SandboxId), Duration>,
    /// Hosts whose lease was silent for longer than it may be, with the life that had it.
    pub silent: BTreeMap<HostId, LifeId>,
    /// Hosts whose lease is revoked, with the life that had it last.
    pub revoked: BTreeMap<HostId, HostDown>,
}

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

impl Correction {
    /// For the sandbox `id` as it is placed now; `fact` names why, once.
    fn of(
        (tenant, id, view): (&TenantId, &SandboxId, &View<Sandbox>),
        route: Route,
        fact: &str,
        command: SandboxCommand,
    ) -> Self {
        Self {
            subject: CommandSubject {
                tenant: tenant.clone(),
                route,
                sandbox: id.clone(),
            },
            command_id: CommandId::system(id, view.state.generation(), fact),
            command,
        }
    }
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Hosts whose lease is to be revoked, if this life still has it.
    pub revoke: BTreeMap<HostId, LifeId>,
    /// Hosts that the log is to know to be down, with the life that fell silent.
    pub down: BTreeMap<HostId, HostDown>,
    /// Commands.
    pub corrections: Vec<Correction>,
}

/// What the fleet needs. A sandbox whose commits cannot be read needs a person.
pub fn plan(fleet: &Fleet, observed: &Observed) -> Plan {
    let down: BTreeSet<&HostId> = hosts::down(fleet);
    let known = fleet
        .live()
        .filter(|(tenant, id, _)| fleet.unreadable_sandbox(tenant, id).is_none());
    let corrections = known.filter_map(|(tenant, id, view)| {
        let host = &view.state.placed.as_ref()?.host;
        if down.contains(host) {
            return hosts::correct(tenant, id, view);
        }
        due::correct(tenant, id, view, observed)
            .or_else(|| starts::correct(tenant, id, view, observed.now))
            .or_else(|| hosts::revive(tenant, id, view, observed.now))
    });
    Plan {
        revoke: observed.silent.clone(),
        down: hosts::undeclared(fleet, &observed.revoked),
        corrections: corrections.collect(),
    }
}

/// In which round a wait of `late` is: the first lasts for `patience`, and each is twice as long as the one before. So what
/// is never heeded is told ever more rarely, and its commands do not heap up in a queue that nobody reads.
fn round(late: Duration, patience: Duration) -> u32 {
    let waited = late.as_secs() / patience.as_secs();
    (waited + 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_is_twice_as_long_as_the_one_before() {
        let patience = Duration::from_secs(10);
        let rounds = [0, 9, 10, 29, 30, 69, 70].map(|secs| round(Duration::from_secs(secs), patience));
        assert_eq!(rounds, [0, 0, 1, 1, 2, 2, 3]);
        let month = Duration::from_hours(30 * 24);
        assert!(round(month, patience) < 20);
        assert!(round(Duration::MAX, patience) < 64);
    }
}
