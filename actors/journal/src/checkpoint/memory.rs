//! [`Checkpoint`] in process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use roost_schemas::Sequence;

use super::{Change, Checkpoint, CheckpointError, Saved};

/// Entries in process, for tests.
#[derive(Debug, Default)]
pub struct MemoryCheckpoint(Mutex<HashMap<&'static str, Kept>>);

#[derive(Debug, Default)]
struct Kept {
    sequence: Sequence,
    version: u32,
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
        Ok(self.kept().get(name).map(|kept| Saved {
            sequence: kept.sequence,
            version: kept.version,
            entries: kept.entries.clone().into_iter().collect(),
        }))
    }

    async fn save(
        &self,
        name: &'static str,
        version: u32,
        sequence: Sequence,
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
        (kept.version, kept.sequence) = (version, sequence);
        Ok(())
    }

    async fn clear(&self, name: &'static str) -> Result<(), CheckpointError> {
        self.kept().remove(name);
        Ok(())
    }
}
