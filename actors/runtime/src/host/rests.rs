//! What could not be made a moment ago, and is let alone for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use roost_schemas::SnapshotId;
use tokio::time::Instant;

/// How long a boot snapshot that could not be made is not tried again: sandboxes boot without it meanwhile.
const REST: Duration = Duration::from_mins(1);

/// Boot snapshots that are not to be tried now.
#[derive(Debug, Default)]
pub struct Rests {
    until: Mutex<HashMap<SnapshotId, Instant>>,
}

impl Rests {
    /// Lets `id` rest from now on.
    pub fn begin(&self, id: &SnapshotId) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        until.retain(|_, end| *end > now);
        until.insert(id.clone(), now + REST);
    }

    /// Whether `id` is to be let alone.
    pub fn has(&self, id: &SnapshotId) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(id).is_some_and(|end| *end > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rest_ends() {
        let rests = Rests::default();
        let (id, other) = (SnapshotId::of_boot(&["a"]), SnapshotId::of_boot(&["b"]));
        rests.begin(&id);
        assert!(rests.has(&id) && !rests.has(&other));
        tokio::time::advance(REST).await;
        assert!(!rests.has(&id));
        rests.begin(&other);
        assert_eq!(rests.until.lock().unwrap().len(), 1, "what is over is forgotten");
    }
}
