//! What somebody sees who looks at the machine from outside, such as a checker.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::Owner;

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
