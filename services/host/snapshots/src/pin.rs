//! Pins: what a sweep must leave alone, although the log may not refer to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_schemas::SnapshotId;

/// How often each snapshot is pinned. While it is locked, nothing can be pinned and nothing let go.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<BTreeMap<SnapshotId, usize>>);

/// Keeps one snapshot, and what its manifests name, until it is dropped.
#[derive(Debug)]
pub struct Pin {
    pins: Arc<Pins>,
    id: SnapshotId,
}

impl Pins {
    /// Waits for a sweep that is under way: what is there afterwards stays.
    pub(crate) fn pin(self: &Arc<Self>, id: &SnapshotId) -> Pin {
        *self.lock().entry(id.clone()).or_default() += 1;
        Pin {
            pins: Arc::clone(self),
            id: id.clone(),
        }
    }

    /// What is pinned now.
    pub(crate) fn all(&self) -> BTreeSet<SnapshotId> {
        self.lock().keys().cloned().collect()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<SnapshotId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.pins.lock();
        if let Some(count) = pins.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_pinned_until_the_last_pin_is_dropped() {
        let pins = Arc::new(Pins::default());
        let id: SnapshotId = "sn1".parse().unwrap();
        let (one, two) = (pins.pin(&id), pins.pin(&id));
        drop(one);
        assert_eq!(pins.all(), BTreeSet::from([id.clone()]));
        drop(two);
        assert_eq!(pins.all(), BTreeSet::new());
    }
}
