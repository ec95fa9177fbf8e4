//! What every process has folded, held against the checker's own fold of as much.

use std::collections::BTreeMap;
use std::sync::Arc;

use roost_domain::fleet::Fleet;
use roost_schemas::Sequence;

use super::{broken, rule};
use crate::world::{Violation, World};

/// Folds that are kept: whoever is further behind is looked at when it has come nearer.
const KEPT: usize = 64;

/// The last folds, and how far each process was looked at.
#[derive(Default)]
pub(super) struct Projections {
    folds: BTreeMap<Sequence, Fleet>,
    looked: BTreeMap<Arc<str>, Sequence>,
}

impl Projections {
    /// Takes note of what must have been folded as of `sequence`.
    pub(super) fn keep(&mut self, sequence: Sequence, fleet: &Fleet) {
        if self.folds.len() == KEPT {
            self.folds.pop_first();
        }
        self.folds.insert(sequence, fleet.clone());
    }

    /// Looks at those who have folded more since they were last looked at.
    pub(super) fn check(&mut self, world: &World) -> Result<(), Violation> {
        for (name, handle) in world.fleets() {
            let applied = handle.applied();
            let looked = self.looked.get(&name).copied().unwrap_or_default();
            if applied == looked {
                continue;
            }
            if let Some(fold) = self.folds.get(&applied)
                && handle.read(|fleet| fleet != fold)
            {
                return broken(
                    rule::EQUAL,
                    format!("{name} has folded something else up to {applied}"),
                );
            }
            self.looked.insert(name, applied);
        }
        Ok(())
    }
}
