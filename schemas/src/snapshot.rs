//! Snapshots: what the log says of one, and the files it consists of on its host.
//!
//! ```text
//!   <store>/<snapshot>/seal.json        what the rest is, and the digest of each file; the log has the seal's own digest
//!                     /state            the engine's device state
//!                     /memory.manifest  which page of the guest's memory stands where
//!                     /memory.pages     the generation file: the pages that this snapshot was the first to hold
//!                     /disk.manifest    the same for the writable drive
//!                     /disk.pages
//!                     /working-set      pages that a resume needs first; a hint, which may be missing
//! ```
//!
//! Everything but the hint is immutable once the folder has its name. A manifest is flat: each run names the snapshot
//! whose generation file holds its pages, so that no read walks a chain.

pub mod manifest;
mod seal;
pub mod working_set;

pub use manifest::{Kind, Manifest};
pub use seal::{Machine, Part, SEAL_VERSION, Seal};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{HostId, SnapshotId};

/// Bytes of a page, of memory and of disk alike.
pub const PAGE: u64 = 4096;

/// Names of a snapshot's files in its folder.
pub mod file {
    /// The [`super::Seal`], in JSON.
    pub const SEAL: &str = "seal.json";
    /// The engine's device state.
    pub const STATE: &str = "state";
    /// The manifest of the memory.
    pub const MEMORY_MANIFEST: &str = "memory.manifest";
    /// The generation file of the memory.
    pub const MEMORY_PAGES: &str = "memory.pages";
    /// The manifest of the writable drive.
    pub const DISK_MANIFEST: &str = "disk.manifest";
    /// The generation file of the writable drive.
    pub const DISK_PAGES: &str = "disk.pages";
    /// The [`super::working_set::WorkingSet`].
    pub const WORKING_SET: &str = "working-set";
}

/// A sealed snapshot, as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The host that has its files.
    pub host: HostId,
    /// Digest of its seal, which has those of everything else.
    pub seal: Digest,
    /// Bytes that it added to the store.
    pub stored_bytes: u64,
    /// Generation files that its manifests name, its own among them; compaction makes them few again.
    pub sources: u32,
}
