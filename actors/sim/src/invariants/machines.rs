//! What machines hold, held against the log and the leases.

use std::collections::{BTreeMap, BTreeSet};

use roost_domain::sandbox::Phase;
use roost_runtime::memory::Inventory;
use roost_schemas::lease::Lease;
use roost_schemas::subject::EventSubject;
use roost_schemas::{HostId, Owner, SandboxId, SnapshotId};

use super::history::History;
use super::{broken, rule};
use crate::world::{Violation, World};

/// What machines had when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Machines {
    engines: BTreeMap<HostId, BTreeSet<Owner>>,
}

impl Machines {
    /// Looks at every machine.
    pub(super) fn check(&mut self, world: &World, history: &History) -> Result<(), Violation> {
        look(world, history)?;
        for (host, machine) in world.machines() {
            let engines: BTreeSet<Owner> = machine.inventory().engines.into_keys().collect();
            let before = self
                .engines
                .insert(host.clone(), engines.clone())
                .unwrap_or_default();
            let ended = before
                .difference(&engines)
                .filter(|owner| !machine.has_crashed(owner));
            for owner in ended {
                if let Some(phase) = wanted(history, owner) {
                    let detail = format!("{host} has ended the VM of {owner}, which is {}", phase.as_str());
                    return broken(rule::KEPT, detail);
                }
            }
            if let Some(process) = machine.ran_again() {
                return broken(
                    rule::RUN_ONCE,
                    format!("a guest on {host} has run {process} twice"),
                );
            }
        }
        Ok(())
    }
}

/// What the log says of `owner`, if it has a VM that somebody uses.
fn wanted(history: &History, owner: &Owner) -> Option<Phase> {
    let (tenant, _) = history.begun(owner)?;
    let subject = EventSubject::sandbox(tenant.clone(), owner.sandbox.clone());
    let sandbox = &history.life(&subject)?.sandbox;
    let used = matches!(sandbox.phase, Phase::Running | Phase::Pausing);
    (used && sandbox.generation() == owner.generation).then_some(sandbox.phase)
}

fn look(world: &World, history: &History) -> Result<(), Violation> {
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
            // A host that cannot destroy it goes on all the same, and tries again.
            if history.is_given_up(owner) && !world.weather().refuses_steps() {
                return broken(
                    rule::GIVEN_UP,
                    format!("{owner} moves on {host}, and is not to run any more"),
                );
            }
            // Each host has boot snapshots of its own, under the same name.
            if !is_builder(owner)
                && let Some(other) = moving.insert(owner.sandbox.clone(), host.clone())
            {
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
        if is_builder(owner) {
            continue;
        }
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

/// Whether it is whoever a template's boot snapshot is made by, of whom the log says nothing.
fn is_builder(owner: &Owner) -> bool {
    owner.sandbox.as_str().starts_with("boot")
}

/// What sandboxes are known to be sealed as is there.
fn sealed(
    host: &HostId,
    there: &BTreeSet<SnapshotId>,
    damaged: &BTreeSet<SnapshotId>,
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
