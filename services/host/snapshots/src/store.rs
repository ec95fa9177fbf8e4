//! The store itself: its folder, its drafts, and what is pinned in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_schemas::snapshot::{Machine, Manifest, file};
use roost_schemas::{HostId, SnapshotId};

use crate::error::{StoreError, Trouble, failed};
use crate::file as files;
use crate::pin::{Pin, Pins};
use crate::root::{Plain, Root};
use crate::verified::Verified;
use crate::words::{Draft, Sealed};

/// How the folder of a draft is called, before its id.
const DRAFT: &str = ".draft-";
/// How the folder of what is being removed is called, before its id.
const TRASH: &str = ".trash-";
/// The engine's memory dump in a draft.
const DUMP: &str = "memory.dump";

/// The snapshots of one host. One process may have it open.
#[derive(Debug)]
pub struct Store {
    pub(crate) root: Root,
    pub(crate) host: HostId,
    pub(crate) machine: Machine,
    pub(crate) pins: Arc<Pins>,
    pub(crate) verified: Verified,
    drafts: Mutex<BTreeMap<SnapshotId, Drafted>>,
}

/// What is known of a draft beside its files.
#[derive(Debug)]
pub(crate) struct Drafted {
    /// Its own, and that of its parent.
    pub(crate) pins: Vec<Pin>,
    /// The drive, once it is collected.
    pub(crate) disk: Option<Manifest>,
}

impl Store {
    /// Opens the store of `host` in `folder`, made if it is missing, and removes what an earlier process left half done.
    /// What is sealed will say `machine`, and only what says so will be opened.
    pub fn open(folder: &Path, host: HostId, machine: Machine) -> Result<Self, StoreError> {
        let store = Self {
            root: Root::open(folder)?,
            host,
            machine,
            pins: Arc::default(),
            verified: Verified::default(),
            drafts: Mutex::default(),
        };
        store.remove_all(DRAFT)?;
        store.take_out()?;
        Ok(store)
    }

    /// Where it is, for the pager.
    pub fn folder(&self) -> &Path {
        self.root.path()
    }

    /// Begins a snapshot; an earlier draft of it is thrown away. It is pinned from here on.
    pub fn draft(&self, id: &SnapshotId) -> Result<Draft, StoreError> {
        self.discard(id)?;
        let pin = self.pin(id);
        let sealed = self.root.sealed(id);
        if sealed.try_exists().map_err(failed("look for", &sealed))? {
            return Err(StoreError::Sealed { snapshot: id.clone() });
        }
        let folder = self.drafted(id);
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(failed("make", &folder))?;
        let drafted = Drafted {
            pins: vec![pin],
            disk: None,
        };
        self.drafts().insert(id.clone(), drafted);
        Ok(Draft {
            id: id.clone(),
            state: folder.join(file::STATE),
            memory: folder.join(DUMP),
            folder,
        })
    }

    /// Throws a draft away; does nothing if there is none.
    pub fn discard(&self, id: &SnapshotId) -> Result<(), StoreError> {
        let removed = files::remove_folder(&self.drafted(id));
        self.drafts().remove(id);
        removed
    }

    /// What is sealed under this id, if anything is; only its seal and manifests are read.
    pub fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, StoreError> {
        let pin = self.pin(id);
        let loaded = self.load(id, None)?;
        Ok(loaded.map(|loaded| Sealed {
            snapshot: loaded.record(&self.host),
            pin,
        }))
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
        let entries = self.entries()?;
        Ok(entries.iter().filter_map(|(name, _)| name.parse().ok()).collect())
    }

    /// Removes what a sweep, this or an earlier one, has taken the name from.
    pub(crate) fn take_out(&self) -> Result<(), StoreError> {
        self.remove_all(TRASH)
    }

    fn remove_all(&self, prefix: &str) -> Result<(), StoreError> {
        let entries = self.entries()?.into_iter();
        let mut unwanted = entries.filter(|(name, _)| name.starts_with(prefix));
        unwanted.try_for_each(|(_, path)| files::remove_folder(&path))
    }

    /// The folders in the store.
    fn entries(&self) -> Result<Vec<(String, PathBuf)>, StoreError> {
        let path = self.root.path();
        let read = || {
            let mut entries = Vec::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                if let (Ok(name), true) = (entry.file_name().into_string(), entry.file_type()?.is_dir()) {
                    entries.push((name, entry.path()));
                }
            }
            Ok(entries)
        };
        read().map_err(failed("read", path))
    }

    pub(crate) fn drafts(&self) -> MutexGuard<'_, BTreeMap<SnapshotId, Drafted>> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the draft `id` is, or would be.
    pub(crate) fn drafted(&self, id: &SnapshotId) -> PathBuf {
        self.root.path().join(format!("{DRAFT}{id}"))
    }

    /// Where `id` is, or would be, while it is being removed.
    pub(crate) fn trashed(&self, id: &SnapshotId) -> PathBuf {
        self.root.path().join(format!("{TRASH}{id}"))
    }

    /// A file of the draft `id`, which should be there.
    pub(crate) fn drafted_file(&self, id: &SnapshotId, name: &str) -> Result<Plain, StoreError> {
        let plain = self.root.plain(&format!("{DRAFT}{id}"), name);
        plain.map_err(|trouble| match trouble {
            Trouble::Damaged { file, damage } => StoreError::Unsealable {
                path: file,
                why: format!("it {damage}"),
            },
            Trouble::Other(error) => error,
        })
    }

    /// The engine's memory dump in the draft `id`.
    pub(crate) fn dump(&self, id: &SnapshotId) -> Result<Plain, StoreError> {
        self.drafted_file(id, DUMP)
    }

    pub(crate) fn missing(&self, id: &SnapshotId) -> StoreError {
        StoreError::Missing {
            snapshot: id.clone(),
            store: self.root.path().to_owned(),
        }
    }
}
