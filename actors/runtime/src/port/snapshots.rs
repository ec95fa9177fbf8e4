//! Snapshots: what is sealed in this host's store.

use std::any::Any;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use roost_schemas::snapshot::{Seal, Snapshot};
use roost_schemas::spec::Resources;
use roost_schemas::{SnapshotId, TemplateName};
use tokio_util::sync::CancellationToken;

use super::{Drives, Fault};

/// A snapshot in the making. Nobody can mistake it for a sealed one, and the next start of the host removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is to be.
    pub id: SnapshotId,
    /// Where the engine writes its device state.
    pub state: PathBuf,
    /// Where the engine writes the guest's memory.
    pub memory: PathBuf,
    /// Whether it needs no other snapshot: then all of the memory has to be written.
    pub alone: bool,
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrayed {
    /// The image behind its read-only drive.
    pub template: TemplateName,
    /// Its vCPUs and memory.
    pub resources: Resources,
    /// Its drives.
    pub drives: Drives,
    /// The snapshot it was restored from: only what has changed since is stored.
    pub parent: Option<SnapshotId>,
}

/// What an engine has written of the guest's memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dumped {
    /// Whether it is all of it, with holes for zeros; otherwise holes stand for what is as in the parent.
    pub complete: bool,
    /// Pages that the guest gave back: zeros, unless the file has data for them.
    pub removed: Vec<Range<u64>>,
}

/// A sealed snapshot that the log may not know yet.
pub struct Sealed {
    /// What to tell the log.
    pub snapshot: Snapshot,
    /// Keeps [`Snapshots::sweep`] away. To be dropped when the log knows it.
    pub pin: Pin,
}

/// See [`Sealed::pin`].
pub struct Pin(#[allow(dead_code, reason = "it acts by being dropped")] Box<dyn Any + Send + Sync>);

impl Pin {
    /// A pin that lets go when `guard` is dropped.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Box::new(guard))
    }
}

/// A snapshot that was found whole and fit for this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// As the log knows it.
    pub snapshot: Snapshot,
    /// Its seal.
    pub seal: Seal,
    /// Its folder in the store.
    pub folder: PathBuf,
}

/// The store of this host.
#[async_trait]
pub trait Snapshots: Send + Sync + 'static {
    /// Begins a snapshot; an earlier draft of it is thrown away.
    async fn draft(&self, id: &SnapshotId) -> Result<Draft, Fault>;
    /// The same for one that is to stand alone although its VM was restored from `parent`, which is damaged. Refused unless
    /// the memory of `parent` is sound: a VM reads from it what it has not read yet.
    async fn draft_alone(&self, id: &SnapshotId, parent: &SnapshotId) -> Result<Draft, Fault>;
    /// Takes over what the drive has that the parent's has not. The VM has to stand still from the dump until this is done.
    async fn collect(&self, draft: &Draft, of: &Portrayed) -> Result<(), Fault>;
    /// Compares the memory with the parent's, makes everything durable, and gives it its name. When this fails, nothing
    /// of it is left.
    async fn seal(&self, draft: &Draft, of: &Portrayed, dumped: Dumped) -> Result<Sealed, Fault>;
    /// Throws a draft away; does nothing if there is none.
    async fn discard(&self, id: &SnapshotId) -> Result<(), Fault>;
    /// What is sealed under this id, if anything is.
    async fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, Fault>;
    /// Makes sure that every byte of it is what was sealed, and that this machine can run it. What is damaged is put in
    /// quarantine, and refused with [`Fault::unusable`].
    async fn open(&self, snapshot: &Snapshot) -> Result<Image, Fault>;
    /// Its seal, which is what the log says it is; nothing else of it is looked at. A store that has no quicker way opens
    /// it.
    async fn seal_of(&self, snapshot: &Snapshot) -> Result<Seal, Fault> {
        Ok(self.open(snapshot).await?.seal)
    }
    /// Writes the same content anew under `id`, so that it needs no other snapshot. May be cut short.
    async fn compact(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        cancel: &CancellationToken,
    ) -> Result<Sealed, Fault>;
    /// The id that the snapshot of a freshly booted `template` has on this host, or would have; nothing if a sandbox with
    /// these resources is to be booted every time.
    async fn of_boot(
        &self,
        template: &TemplateName,
        resources: Resources,
    ) -> Result<Option<SnapshotId>, Fault>;
    /// What is pinned, or belongs to a template that this host has. To be asked *before* the log is read for
    /// [`Snapshots::sweep`], so that what is sealed meanwhile is spared.
    async fn kept(&self) -> Result<BTreeSet<SnapshotId>, Fault>;
    /// Removes, of what was there when [`Snapshots::kept`] was asked, everything that neither `referenced` nor any
    /// manifest of theirs names; answers what is gone.
    async fn sweep(&self, referenced: &BTreeSet<SnapshotId>) -> Result<Vec<SnapshotId>, Fault>;
}
