//! What somebody sees who looks at the machine from outside, such as a checker.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::{Owner, SnapshotId};

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

impl Machine {
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
