//! What machines hold, held against the log and the leases.

use std::collections::{BTreeMap, BTreeSet};

use roost_domain::sandbox::Phase;
use roost_runtime::memory::Inventory;
use roost_schemas::lease::Lease;
use roost_schemas::subject::EventSubject;
use roost_schemas::{HostId, SandboxId};

use super::history::History;
use super::{broken, rule};
use crate::world::{Violation, World};

/// Looks at every machine.
pub(super) fn check(world: &World, history: &History) -> Result<(), Violation> {
    let leases = world.leases();
    let revoked = |host: &HostId| {
        matches!(
            leases.get(host).map(|found| &found.lease),
            Some(Lease::Revoked { .. })
        )
    };
    let mut moving: BTreeMap<SandboxId, HostId> = BTreeMap::new();
    for (host, machine) in world.machines() {
        let inventory = machine.inventory();
        owned(host, &inventory, history)?;
        let given_up = revoked(host) || history.is_down(host);
        for owner in inventory
            .engines
            .iter()
            .filter(|(_, moves)| **moves)
            .map(|(owner, _)| owner)
        {
            if given_up {
                return broken(
                    rule::GIVEN_UP,
                    format!("{owner} moves on {host}, whose lease is revoked"),
                );
            }
            if history.is_given_up(owner) {
                return broken(
                    rule::GIVEN_UP,
                    format!("{owner} moves on {host}, and is not to run any more"),
                );
            }
            if let Some(other) = moving.insert(owner.sandbox.clone(), host.clone()) {
                return broken(
                    rule::ONE_VM,
                    format!("{owner} moves on {host}, and another of it on {other}"),
                );
            }
        }
        let mut numbers = BTreeSet::new();
        if let Some((owner, number)) = inventory
            .slots
            .iter()
            .find(|(_, number)| !numbers.insert(**number))
        {
            return broken(
                rule::ONE_OWNER,
                format!("slot {number} of {host} is {owner}'s, and another's"),
            );
        }
        sealed(host, &machine.sealed(), &machine.damaged(), history)?;
    }
    Ok(())
}

/// Nothing is held by whom the log does not know to have set out, or to have ended in order.
fn owned(host: &HostId, inventory: &Inventory, history: &History) -> Result<(), Violation> {
    for owner in inventory.holders() {
        let begun = history.begun(owner);
        let Some((tenant, _)) = begun.filter(|(_, begun)| begun == host) else {
            let detail =
                format!("{host} holds something of {owner}, whom the log has not told to begin there");
            return broken(rule::AFTER_COMMIT, detail);
        };
        let subject = EventSubject::sandbox(tenant.clone(), owner.sandbox.clone());
        // Whoever is told to have stopped was released before that was told.
        let stopped = |life: &super::history::Life| life.sandbox.phase == Phase::Stopped;
        if history.life(&subject).is_some_and(stopped) {
            return broken(
                rule::AFTER_COMMIT,
                format!("{host} holds something of {owner}, which has stopped"),
            );
        }
    }
    Ok(())
}

/// What sandboxes are known to be sealed as is there.
fn sealed(
    host: &HostId,
    there: &BTreeSet<roost_schemas::SnapshotId>,
    damaged: &BTreeSet<roost_schemas::SnapshotId>,
    history: &History,
) -> Result<(), Violation> {
    for (subject, life) in history.lives() {
        let sandbox = &life.sandbox;
        if sandbox.phase.is_end() {
            continue;
        }
        let base = sandbox.base.iter().filter(|_| sandbox.phase == Phase::Paused);
        let told = sandbox
            .snapshots
            .iter()
            .chain(base)
            .filter(|snapshot| snapshot.host == *host);
        let missing = told
            .map(|snapshot| &snapshot.id)
            .find(|id| !there.contains(*id) && !damaged.contains(*id));
        if let Some(missing) = missing {
            return broken(
                rule::SEALED,
                format!("{subject} was sealed as {missing}, which {host} has not"),
            );
        }
    }
    Ok(())
}
