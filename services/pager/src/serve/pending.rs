//! Faults that are not answered yet: no more than the engine has threads, and one for each page.

use std::collections::BTreeMap;
use std::time::Instant;

/// Pages that are waited for, each with the time at which that was first seen.
#[derive(Debug, Default)]
pub(super) struct Pending(BTreeMap<u64, Instant>);

impl Pending {
    /// `page` has been waited for since `since`, unless that is known already.
    pub(super) fn add(&mut self, page: u64, since: Instant) {
        self.0.entry(page).or_insert(since);
    }

    /// All of them, which are not pending any more.
    pub(super) fn take(&mut self) -> BTreeMap<u64, Instant> {
        std::mem::take(&mut self.0)
    }

    /// The one that has waited longest.
    pub(super) fn oldest(&self) -> Option<(u64, Instant)> {
        let oldest = self.0.iter().min_by_key(|(_, since)| **since)?;
        Some((*oldest.0, *oldest.1))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }
}
