//! Why the store could not do what it was asked for.

use std::io;
use std::path::{Path, PathBuf};

use roost_schemas::snapshot::manifest::{Kind, ManifestError};
use roost_schemas::{Digest, SnapshotId};

use crate::root::Plain;

/// A failure of the store. Nothing of a snapshot that could not be sealed is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk, or the user's share of it, is full.
    #[error("no space for {path}: remove sandboxes or templates, or move the host's state to a larger disk")]
    NoSpace {
        /// What was being written.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something else that the kernel refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The store's file system cannot say page by page what has been written.
    #[error(
        "{path} is on a file system whose holes are not exact to 4 KiB: partial memory dumps would be misread there; \
         move the host's state to ext4, XFS, Btrfs or tmpfs"
    )]
    CoarseHoles {
        /// The store's folder.
        path: PathBuf,
    },
    /// Nothing is sealed under this id.
    #[error("snapshot {snapshot} is not in {store}: its folder is gone, or belongs to another host")]
    Missing {
        /// What was asked for.
        snapshot: SnapshotId,
        /// The store's folder.
        store: PathBuf,
    },
    /// A file is not what was sealed. The snapshot is in quarantine now.
    #[error(
        "snapshot {snapshot} is damaged and stays in quarantine: {file} {damage}; put the file back as it was and \
         remove {mark}, or delete what needs the snapshot"
    )]
    Damaged {
        /// What cannot be used.
        snapshot: SnapshotId,
        /// The file that is wrong, which may be another snapshot's.
        file: PathBuf,
        /// What is wrong with it.
        damage: Box<Damage>,
        /// The file that keeps it in quarantine.
        mark: PathBuf,
    },
    /// It was found damaged before.
    #[error(
        "snapshot {snapshot} is in quarantine: {reason}; when its files are as they were, remove {mark}, or delete \
         what needs the snapshot"
    )]
    Quarantined {
        /// What cannot be used.
        snapshot: SnapshotId,
        /// What was found then.
        reason: String,
        /// The file that says so.
        mark: PathBuf,
    },
    /// It was made for another machine. Nothing is wrong with it.
    #[error(
        "snapshot {snapshot} was made for {what} {made_for:?}, but this host has {found:?}: restore it where it was made"
    )]
    Unfit {
        /// What cannot be used.
        snapshot: SnapshotId,
        /// In which the machines differ.
        what: &'static str,
        /// Its value there.
        made_for: String,
        /// Its value here.
        found: String,
    },
    /// Another snapshot has this id already.
    #[error("snapshot {snapshot} is sealed already: what is sealed never changes")]
    Sealed {
        /// The id.
        snapshot: SnapshotId,
    },
    /// What was handed over cannot become a snapshot.
    #[error("{path} cannot be sealed: {why}")]
    Unsealable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The caller wanted no more of it.
    #[error("writing snapshot {snapshot} was cut short")]
    Cancelled {
        /// What was being written.
        snapshot: SnapshotId,
    },
}

impl StoreError {
    /// The snapshot that cannot be used, if that is what is wrong: trying again is of no use.
    pub fn unusable(&self) -> Option<&SnapshotId> {
        match self {
            Self::Missing { snapshot, .. }
            | Self::Damaged { snapshot, .. }
            | Self::Quarantined { snapshot, .. }
            | Self::Unfit { snapshot, .. } => Some(snapshot),
            _ => None,
        }
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// Something else has its name.
    #[error("is not a plain file")]
    NotAFile,
    /// It was cut or has grown.
    #[error("has {found} bytes instead of {expected}")]
    Length {
        /// Its length.
        found: u64,
        /// Its length when it was sealed.
        expected: u64,
    },
    /// Its bytes are others.
    #[error("has the digest {found} instead of {expected}")]
    Digest {
        /// Its digest.
        found: Digest,
        /// Its digest when it was sealed.
        expected: Digest,
    },
    /// It is no seal.
    #[error("is not a seal: {0}")]
    Seal(String),
    /// It is no manifest.
    #[error("is not a manifest: {0}")]
    Manifest(ManifestError),
    /// It is the manifest of something else.
    #[error("describes {found:?}, not {expected:?}")]
    Kind {
        /// What it describes.
        found: Kind,
        /// What it should describe.
        expected: Kind,
    },
    /// It does not say what it should.
    #[error("gives its {what} as {found} instead of {expected}")]
    Says {
        /// About what.
        what: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
}

/// Why something sealed could not be read: its own fault, or not.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A file is not what was sealed.
    Damaged {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Something else.
    Other(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

/// Blames a file of the store.
pub(crate) fn damaged(plain: &Plain, damage: Damage) -> Trouble {
    Trouble::Damaged {
        file: plain.path.clone(),
        damage,
    }
}

/// Names `path` in an error of the kernel.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoSpace { path, source },
        _ => StoreError::Io { action, path, source },
    }
}

/// Refuses to seal what is at `path`.
pub(crate) fn unsealable(path: &Path, why: impl Into<String>) -> StoreError {
    StoreError::Unsealable {
        path: path.to_owned(),
        why: why.into(),
    }
}
