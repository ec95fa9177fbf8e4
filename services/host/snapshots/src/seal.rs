//! From a draft to a snapshot: first the drive, while the VM stands still, then its memory, then a name.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use roost_schemas::SnapshotId;
use roost_schemas::snapshot::file;
use roost_schemas::snapshot::manifest::{Kind, Manifest};
use roost_schemas::snapshot::working_set::WorkingSet;

use crate::capture::{Sparse, capture};
use crate::error::{StoreError, Trouble, failed, unsealable};
use crate::file as files;
use crate::root::Plain;
use crate::store::Store;
use crate::verified::Need;
use crate::words::{About, Dump, Sealed};

impl Store {
    /// Writes what `drive` has that the parent's has not into the draft `id`. The VM has to stand still meanwhile.
    pub fn collect(
        &self,
        id: &SnapshotId,
        drive: &Path,
        parent: Option<&SnapshotId>,
    ) -> Result<(), StoreError> {
        self.or_discard(id, || {
            let plain = Plain::outside(drive)?;
            let disk = self.captured(id, Kind::Disk, &Sparse::whole(&plain)?, parent)?;
            self.with_draft(id, |draft| draft.disk = Some(disk))
        })
    }

    /// Compares the dumped memory with the parent's, makes everything durable and gives the draft `id` its name. When
    /// this or [`Self::collect`] fails, nothing of it is left.
    pub fn seal(
        &self,
        id: &SnapshotId,
        about: &About,
        parent: Option<&SnapshotId>,
        dump: &Dump,
    ) -> Result<Sealed, StoreError> {
        self.or_discard(id, || {
            let disk = self.with_draft(id, |draft| draft.disk.clone())?;
            let uncollected = || unsealable(&self.drafted(id), "its drive has not been collected");
            let disk = disk.ok_or_else(uncollected)?;
            let memory = self.memory(id, about, parent, dump)?;
            if let Some(parent) = parent {
                // What it shares with its parent has to be sound as well, or it could never be opened.
                let shared = [&memory, &disk].into_iter().flat_map(Need::of);
                let shared: BTreeSet<_> = shared.filter(|need| need.folder != *id).collect();
                let compared = self.verified.require(&self.root, shared);
                compared.map_err(|trouble| self.quarantine(parent, trouble))?;
                self.hand_down(parent, id)?;
            }
            self.publish(id, about, &memory, &disk)
        })
    }

    /// Captures the memory out of the engine's dump, which is removed.
    fn memory(
        &self,
        id: &SnapshotId,
        about: &About,
        parent: Option<&SnapshotId>,
        dump: &Dump,
    ) -> Result<Manifest, StoreError> {
        let plain = self.dump(id)?;
        let (found, wanted) = (plain.identity.bytes, u64::from(about.resources.memory_mb) << 20);
        if found != wanted {
            let why = format!("it has {found} bytes, but the guest's memory has {wanted}");
            return Err(unsealable(&plain.path, why));
        }
        if !dump.complete && parent.is_none() {
            return Err(unsealable(&plain.path, "it is partial, and there is no parent"));
        }
        let sparse = if dump.complete {
            Sparse::whole(&plain)?
        } else {
            Sparse::partial(&plain, &dump.removed)?
        };
        let memory = self.captured(id, Kind::Memory, &sparse, parent)?;
        files::remove(&plain.path)?;
        Ok(memory)
    }

    /// Writes a generation file of what `sparse` has that the parent has not.
    fn captured(
        &self,
        id: &SnapshotId,
        kind: Kind,
        sparse: &Sparse<'_>,
        parent: Option<&SnapshotId>,
    ) -> Result<Manifest, StoreError> {
        let to = self.drafted(id).join(kind.generation_file());
        let blame = |trouble| self.quarantine(parent.unwrap_or(id), trouble);
        let before = match parent {
            None => None,
            Some(parent) => {
                let pin = self.pin(parent);
                self.with_draft(id, |draft| draft.pins.push(pin))?;
                let loaded = self.load(parent, None)?.ok_or_else(|| self.missing(parent))?;
                Some(loaded.content(&self.root, kind).map_err(blame)?)
            }
        };
        capture(kind, sparse, before.as_ref(), id, &to).map_err(blame)
    }

    /// Gives the draft the parent's working set, if it has one.
    pub(crate) fn hand_down(&self, parent: &SnapshotId, id: &SnapshotId) -> Result<(), StoreError> {
        let plain = match self.root.plain(parent.as_str(), file::WORKING_SET) {
            Ok(plain) => plain,
            Err(Trouble::Damaged { .. }) => return Ok(()),
            Err(Trouble::Other(error)) => return Err(error),
        };
        let mut bytes = Vec::new();
        let read = (&plain.file)
            .take(WorkingSet::MAX_BYTES as u64)
            .read_to_end(&mut bytes);
        read.map_err(failed("read", &plain.path))?;
        match WorkingSet::decode(&bytes) {
            Some(set) => files::write(&self.drafted(id).join(file::WORKING_SET), &set.encode()),
            None => Ok(()),
        }
    }
}
