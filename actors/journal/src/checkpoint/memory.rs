//! [`Checkpoint`] in process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Change, Checkpoint, CheckpointError, Mark, Saved};

/// Entries in process, for tests.
#[derive(Debug, Default)]
pub struct MemoryCheckpoint(Mutex<HashMap<&'static str, Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// None before the first save.
    mark: Option<Mark>,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl MemoryCheckpoint {
    fn kept(&self) -> MutexGuard<'_, HashMap<&'static str, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Checkpoint for MemoryCheckpoint {
    async fn load(&self, name: &'static str) -> Result<Option<Saved>, CheckpointError> {
        Ok(self.kept().get(name).and_then(|kept| {
            Some(Saved {
                mark: kept.mark?,
                entries: kept.entries.clone().into_iter().collect(),
            })
        }))
    }

    async fn save(
        &self,
        name: &'static str,
        mark: Mark,
        changes: Vec<Change>,
    ) -> Result<(), CheckpointError> {
        let mut all = self.kept();
        let kept = all.entry(name).or_default();
        for (key, value) in changes {
            match value {
                Some(value) => kept.entries.insert(key, value),
                None => kept.entries.remove(&key),
            };
        }
        kept.mark = Some(mark);
        Ok(())
    }

    async fn clear(&self, name: &'static str) -> Result<(), CheckpointError> {
        self.kept().remove(name);
        Ok(())
    }
}
