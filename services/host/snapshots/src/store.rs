//! The store's folder, and who may remove what from it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roost_schemas::snapshot::{Machine, Snapshot};
use roost_schemas::{HostId, SnapshotId};

use crate::error::StoreError;
use crate::pin::{Pin, Pins};
use crate::words::{About, Draft, Dump, Opened, Sealed, Swept};

/// The snapshots of one host. One process may have it open.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    host: HostId,
    machine: Machine,
    pins: Arc<Pins>,
}

impl Store {
    /// Opens the store of `host` in `folder`, made if it is missing, and removes what an earlier process left half done.
    /// What is sealed will say `machine`, and only what says so will be opened.
    pub fn open(folder: &Path, host: HostId, machine: Machine) -> Result<Self, StoreError> {
        Ok(Self {
            folder: folder.to_owned(),
            host,
            machine,
            pins: Arc::default(),
        })
    }

    /// Where it is, for the pager.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a snapshot; an earlier draft of it is thrown away. It is pinned from here on.
    pub fn draft(&self, id: &SnapshotId) -> Result<Draft, StoreError> {
        Err(self.missing(id))
    }

    /// Writes what `drive` has that the parent's has not into the draft `id`. The VM has to stand still meanwhile.
    pub fn collect(
        &self,
        id: &SnapshotId,
        drive: &Path,
        parent: Option<&SnapshotId>,
    ) -> Result<(), StoreError> {
        let _ = (drive, parent);
        Err(self.missing(id))
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
        let _ = (about, parent, dump, &self.host, &self.machine);
        Err(self.missing(id))
    }

    /// Throws a draft away; does nothing if there is none.
    pub fn discard(&self, id: &SnapshotId) -> Result<(), StoreError> {
        Err(self.missing(id))
    }

    /// What is sealed under this id, if anything is; only its seal and manifests are read.
    pub fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, StoreError> {
        Err(self.missing(id))
    }

    /// Makes sure that every byte of `snapshot` is what was sealed, and that it was made for this machine. What is damaged
    /// is put in quarantine.
    pub fn check(&self, snapshot: &Snapshot) -> Result<Opened, StoreError> {
        Err(self.missing(&snapshot.id))
    }

    /// Fills the empty file `to` with the drive of `snapshot`, after the same checks.
    pub fn restore_drive(&self, snapshot: &Snapshot, to: &File) -> Result<(), StoreError> {
        let _ = to;
        Err(self.missing(&snapshot.id))
    }

    /// Writes the content of `snapshot` anew under `id`, so that it needs no other snapshot, unless it is cancelled.
    pub fn compact(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Sealed, StoreError> {
        let _ = (id, cancelled);
        Err(self.missing(&snapshot.id))
    }

    /// Keeps `id`, and what its manifests name, from [`Self::sweep`].
    pub fn pin(&self, id: &SnapshotId) -> Pin {
        self.pins.pin(id)
    }

    /// What is pinned now.
    pub fn pinned(&self) -> BTreeSet<SnapshotId> {
        self.pins.all()
    }

    /// What is sealed now. To be asked, and then [`Self::pinned`], *before* the log is read for [`Self::sweep`].
    pub fn sealed(&self) -> Result<BTreeSet<SnapshotId>, StoreError> {
        Ok(BTreeSet::new())
    }

    /// Removes every one of `candidates` that is not in `keep`, not pinned, and not named by the manifests of those that
    /// are.
    pub fn sweep(
        &self,
        candidates: &BTreeSet<SnapshotId>,
        keep: &BTreeSet<SnapshotId>,
    ) -> Result<Swept, StoreError> {
        let _ = (candidates, keep);
        Ok(Swept::default())
    }

    fn missing(&self, id: &SnapshotId) -> StoreError {
        StoreError::Missing {
            snapshot: id.clone(),
            store: self.folder.clone(),
        }
    }
}
