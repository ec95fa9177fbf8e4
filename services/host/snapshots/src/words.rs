//! What goes into the store and what comes out of it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use roost_schemas::snapshot::{Seal, Snapshot, file};
use roost_schemas::spec::Resources;
use roost_schemas::{SnapshotId, TemplateName, Timestamp};

use crate::error::StoreError;
use crate::pin::Pin;

/// A snapshot in the making: a folder that nobody can mistake for a sealed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is to be.
    pub id: SnapshotId,
    /// Its folder.
    pub folder: PathBuf,
    /// Where the engine writes its device state.
    pub state: PathBuf,
    /// Where the engine writes the guest's memory, as a sparse file.
    pub memory: PathBuf,
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The image behind its read-only drive.
    pub template: TemplateName,
    /// That image's digest, as the template's registration has it.
    pub image: String,
    /// Its vCPUs and memory.
    pub resources: Resources,
    /// When it was taken.
    pub taken_at: Timestamp,
}

/// What the engine has written to [`Draft::memory`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// Whether it is all of the memory, with holes for zeros; otherwise holes stand for what is as in the parent.
    pub complete: bool,
    /// Pages that the guest gave back, in any order: zeros, unless the file has data for them.
    pub removed: Vec<Range<u64>>,
}

/// A sealed snapshot.
#[derive(Debug)]
pub struct Sealed {
    /// What to tell the log.
    pub snapshot: Snapshot,
    /// Keeps it from [`crate::Store::sweep`] until it is dropped: not before the log knows it.
    pub pin: Pin,
}

/// A snapshot whose every byte is what was sealed, made for this machine.
#[derive(Debug)]
pub struct Opened {
    /// As the log knows it.
    pub snapshot: Snapshot,
    /// Its seal.
    pub seal: Seal,
    /// Its folder, with the files that [`mod@file`] names.
    pub folder: PathBuf,
    /// Keeps it from [`crate::Store::sweep`] until it is dropped.
    pub pin: Pin,
}

impl Opened {
    /// Refuses a snapshot that was taken on another image of its template than `image`, a digest: its drive holds what
    /// differs from the one, and would be laid over the other.
    pub fn stands_on(&self, image: &str) -> Result<(), StoreError> {
        if self.seal.image == image {
            return Ok(());
        }
        Err(StoreError::Unfit {
            snapshot: self.snapshot.id.clone(),
            what: "image",
            made_for: self.seal.image.clone(),
            found: image.to_owned(),
        })
    }

    /// The engine's device state.
    pub fn state(&self) -> PathBuf {
        self.folder.join(file::STATE)
    }

    /// The memory's manifest, for the pager.
    pub fn memory(&self) -> PathBuf {
        self.folder.join(file::MEMORY_MANIFEST)
    }

    /// The pages that a resume needs first; the file may be missing.
    pub fn working_set(&self) -> PathBuf {
        self.folder.join(file::WORKING_SET)
    }
}

/// What a sweep has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// What is gone.
    pub removed: Vec<SnapshotId>,
    /// Kept snapshots whose manifests cannot be read, so that nobody knows what they need: nothing was removed.
    pub unreadable: BTreeSet<SnapshotId>,
}
