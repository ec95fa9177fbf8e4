//! Where a projection rests between runs: its entries, and the sequence they stand for.
//!
//! A checkpoint is disposable. It shortens the replay after a restart and holds nothing that the log does not; whatever
//! is wrong with one, the way out is to begin again from the log.

mod memory;
mod on_sled;

use async_trait::async_trait;
use roost_schemas::{Digest, Sequence};

pub use memory::MemoryCheckpoint;
pub use on_sled::SledCheckpoint;

/// One entry of a projection that was set, or removed.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// What saved entries are, and how much of which log they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The layout that the entries have; a projection ignores entries of another than its own.
    pub version: u32,
    /// The last commit that the entries include.
    pub seen: Seen,
}

/// A commit that was seen in the log. A log that does not have it is not the one that was read, or lost a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Where it stands.
    pub sequence: Sequence,
    /// Its [`crate::port::Record::digest`].
    pub digest: Digest,
}

/// What a projection saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// What the entries are.
    pub mark: Mark,
    /// Keys and values.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Keeps the entries of projections, each under its name.
#[async_trait]
pub trait Checkpoint: Send + Sync + 'static {
    /// What was saved last under `name`, if anything.
    async fn load(&self, name: &'static str) -> Result<Option<Saved>, CheckpointError>;

    /// Makes `changes`, and notes what the entries are now: all, or nothing.
    async fn save(&self, name: &'static str, mark: Mark, changes: Vec<Change>)
    -> Result<(), CheckpointError>;

    /// Forgets everything under `name`.
    async fn clear(&self, name: &'static str) -> Result<(), CheckpointError>;
}

/// Why a checkpoint could not be read or written. Never a reason to stop: the log has everything.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the checkpoint at {at} could not be {action}: {detail}")]
pub struct CheckpointError {
    /// The folder.
    pub at: String,
    /// What was tried.
    pub action: &'static str,
    /// What was seen.
    pub detail: String,
}
