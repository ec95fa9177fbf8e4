//! Sweeping: what nothing refers to any more goes.

use std::collections::BTreeSet;
use std::fs;

use roost_schemas::SnapshotId;

use crate::error::{StoreError, Trouble, failed};
use crate::file;
use crate::loaded::Loaded;
use crate::store::Store;
use crate::words::Swept;

impl Store {
    /// Removes every one of `candidates` that is not in `keep`, not pinned, and not named by the manifests of those that
    /// are. If such a manifest cannot be read, nothing is removed.
    pub fn sweep(
        &self,
        candidates: &BTreeSet<SnapshotId>,
        keep: &BTreeSet<SnapshotId>,
    ) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        {
            // Held until they have lost their names, so that nobody can pin one of them, or what needs one, meanwhile.
            let pins = self.pins.lock();
            let mut kept: BTreeSet<SnapshotId> = keep.iter().chain(pins.keys()).cloned().collect();
            for id in kept.clone() {
                match self.named(&id)? {
                    Some(named) => kept.extend(named),
                    None => _ = swept.unreadable.insert(id),
                }
            }
            if !swept.unreadable.is_empty() {
                return Ok(swept);
            }
            for id in candidates.difference(&kept) {
                let (sealed, trash) = (self.root.sealed(id), self.trashed(id));
                if !sealed.try_exists().map_err(failed("look for", &sealed))? {
                    continue;
                }
                file::remove_folder(&trash)?;
                fs::rename(&sealed, &trash).map_err(failed("take the name from", &sealed))?;
                swept.removed.push(id.clone());
            }
        }
        for id in &swept.removed {
            self.verified.forget(&self.root.sealed(id));
        }
        // A name must not come back after a crash, when half of the files are gone.
        self.root.sync()?;
        self.take_out()?;
        Ok(swept)
    }

    /// The snapshots that the manifests of `id` name, none if it is not there; nothing if that cannot be known.
    fn named(&self, id: &SnapshotId) -> Result<Option<Vec<SnapshotId>>, StoreError> {
        let folder = self.root.sealed(id);
        if !folder.try_exists().map_err(failed("look for", &folder))? {
            return Ok(Some(Vec::new()));
        }
        match Loaded::read(&self.root, id, None) {
            Ok(loaded) => {
                let sources = [loaded.memory, loaded.disk]
                    .into_iter()
                    .flat_map(|manifest| manifest.sources().to_vec());
                Ok(Some(sources.map(|source| source.snapshot).collect()))
            }
            Err(Trouble::Other(error @ StoreError::Io { .. })) => Err(error),
            Err(trouble) => {
                tracing::error!(snapshot = %id, ?trouble, "nothing is swept: who knows what this snapshot needs");
                Ok(None)
            }
        }
    }
}
