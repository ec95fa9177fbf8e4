//! What somebody sees who looks at the machine from outside, such as a checker.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::{Owner, ProcessId, SnapshotId};

use super::Machine;

/// Everything that a machine holds, by owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Engines, and whether their vCPUs run.
    pub engines: BTreeMap<Owner, bool>,
    /// The numbers of slots.
    pub slots: BTreeMap<Owner, u32>,
    /// Drives.
    pub drives: BTreeSet<Owner>,
    /// For whom the edge is open.
    pub doors: BTreeSet<Owner>,
}

impl Inventory {
    /// Everybody who holds anything that costs something; a door alone leads nowhere.
    pub fn holders(&self) -> BTreeSet<&Owner> {
        let engines = self.engines.keys();
        engines.chain(self.slots.keys()).chain(&self.drives).collect()
    }
}

/// What has happened on a machine that its state does not tell.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Whose engine ended by itself.
    pub(super) crashed: BTreeSet<Owner>,
    /// How often a guest was told to run each program.
    pub(super) ran: BTreeMap<ProcessId, u32>,
}

impl Machine {
    /// Whether the engine of `owner` ended by itself, and not because its host destroyed it.
    pub fn has_crashed(&self, owner: &Owner) -> bool {
        self.lock().marks.crashed.contains(owner)
    }

    /// A program that guests were told to run more than once.
    pub fn ran_again(&self) -> Option<ProcessId> {
        let inner = self.lock();
        let mut ran = inner.marks.ran.iter();
        ran.find(|(_, times)| **times > 1)
            .map(|(process, _)| process.clone())
    }

    /// What it holds now.
    pub fn inventory(&self) -> Inventory {
        let inner = self.lock();
        let fenced = inner.is_fenced();
        let moves = |(owner, engine): (&Owner, &super::Engine)| (owner.clone(), !engine.paused && !fenced);
        Inventory {
            engines: inner.engines.iter().map(moves).collect(),
            slots: inner.slots.clone(),
            drives: inner.drives.clone(),
            doors: inner.doors.keys().cloned().collect(),
        }
    }
}

impl Machine {
    /// Sealed snapshots that were damaged; opened, they are put away.
    pub fn damaged(&self) -> BTreeSet<SnapshotId> {
        self.lock().store.damaged.clone()
    }

    /// Sealed snapshots that neither `referenced` nor anything that these need names; without what belongs to templates of
    /// this host.
    pub fn unneeded(&self, referenced: &BTreeSet<SnapshotId>) -> BTreeSet<SnapshotId> {
        let store = &self.lock().store;
        let sealed = &store.sealed;
        let needs = referenced.iter().filter_map(|id| sealed.get(id));
        let needed: BTreeSet<_> = needs.flat_map(|sealed| &sealed.needs).collect();
        let unneeded = sealed
            .keys()
            .filter(|id| !referenced.contains(*id) && !needed.contains(*id) && !is_of_boot(id));
        unneeded.cloned().collect()
    }
}

/// Whether it is the snapshot of a booted template.
fn is_of_boot(id: &SnapshotId) -> bool {
    id.as_str().starts_with("boot")
}
