//! Manifests: which page stands where. One format for memory and disk.
//!
//! ```text
//!   offset  bytes
//!        0      8  "ROOSTMAN"
//!        8      2  version                                   all numbers little-endian
//!       10      1  kind: 0 memory, 1 disk
//!       11      1  0
//!       12      4  bytes of a page: 4096
//!       16      8  pages described
//!       24      4  sources
//!       28      4  0
//!       32      8  runs
//!       40  80 each  source: snapshot id, padded with zeros to 40 · digest of its generation file · that file's pages
//!        …  24 each  run: first page (8) · pages (4) · source, or 0xffffffff for zeros (4) · first page in the source (8)
//!        …     32  blake3 of everything before
//! ```
//!
//! Runs are sorted and cover every page exactly once, neighbours that could be one run are one, and sources are named in
//! the order in which they are used, each once: so there is one way to write a content down, and a lookup is a binary
//! search, whatever the depth of its history.

mod merge;
mod view;

pub use merge::Change;
pub use view::{ManifestError, View};

use super::file;
use crate::digest::Digest;
use crate::id::SnapshotId;

/// The version this release writes and the only one it reads.
pub const VERSION: u16 = 1;
const MAGIC: [u8; 8] = *b"ROOSTMAN";
const HEADER: usize = 40;
const SOURCE: usize = 80;
const RUN: usize = 24;
const ZERO: u32 = u32::MAX;
/// Generation files that one manifest may name; compaction begins far below.
pub const MAX_SOURCES: usize = 4096;
/// Pages that a manifest may describe: 16 TiB, which is more than any sandbox has.
pub const MAX_PAGES: u64 = 1 << 32;

/// What a manifest describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A guest's memory.
    Memory,
    /// A sandbox's writable drive.
    Disk,
}

impl Kind {
    /// The name of its manifest in a snapshot's folder.
    pub fn manifest_file(self) -> &'static str {
        match self {
            Self::Memory => file::MEMORY_MANIFEST,
            Self::Disk => file::DISK_MANIFEST,
        }
    }

    /// The name of its generation file in a snapshot's folder.
    pub fn generation_file(self) -> &'static str {
        match self {
            Self::Memory => file::MEMORY_PAGES,
            Self::Disk => file::DISK_PAGES,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Memory => 0,
            Self::Disk => 1,
        }
    }
}

/// A generation file: the pages that one snapshot was the first to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The snapshot in whose folder it is.
    pub snapshot: SnapshotId,
    /// Digest of the whole file.
    pub digest: Digest,
    /// Its pages.
    pub pages: u64,
}

/// Where a run of pages stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// They are all zeros.
    Zero,
    /// In a source, from this page on.
    Source {
        /// Which, as an index into the manifest's sources.
        source: u32,
        /// The first page in that file.
        page: u64,
    },
}

impl Place {
    /// The place of what stands `pages` further on.
    #[must_use]
    pub fn after(self, pages: u64) -> Self {
        match self {
            Self::Zero => Self::Zero,
            Self::Source { source, page } => Self::Source {
                source,
                page: page + pages,
            },
        }
    }
}

/// Pages in a row that stand in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: u64,
    /// How many; not zero.
    pub count: u32,
    /// Where they stand.
    pub place: Place,
}

impl Run {
    /// The page behind the last.
    pub fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// The part of it from page `first` on, which must be in it.
    #[must_use]
    pub fn from(&self, first: u64) -> Self {
        let skipped = first - self.first;
        Self {
            first,
            count: u32::try_from(self.end() - first).unwrap_or(u32::MAX),
            place: self.place.after(skipped),
        }
    }
}

/// Which page stands where; see the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    kind: Kind,
    pages: u64,
    sources: Vec<Source>,
    runs: Vec<Run>,
}

impl Manifest {
    /// What is all zeros, up to [`MAX_PAGES`].
    pub fn zeros(kind: Kind, pages: u64) -> Self {
        let pages = pages.min(MAX_PAGES);
        let mut runs = merge::Runs::default();
        runs.push(pages, Place::Zero);
        Self {
            kind,
            pages,
            sources: Vec::new(),
            runs: runs.done(),
        }
    }

    /// What it describes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many pages it describes.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// The generation files it names.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// All runs, in order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The run that `page` is in; nothing beyond the end.
    pub fn lookup(&self, page: u64) -> Option<Run> {
        let at = self.runs.partition_point(|run| run.end() <= page);
        self.runs.get(at).copied()
    }

    /// Pages that stand in a file, however many files there are.
    pub fn stored_pages(&self) -> u64 {
        let stored = self.runs.iter().filter(|run| run.place != Place::Zero);
        stored.map(|run| u64::from(run.count)).sum()
    }

    /// The file's content.
    pub fn encode(&self) -> Vec<u8> {
        let length = HEADER + self.sources.len() * SOURCE + self.runs.len() * RUN + Digest::BYTES;
        let mut bytes = Vec::with_capacity(length);
        let number = |count: usize| u32::try_from(count).expect("MAX_SOURCES bounds the sources");
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[self.kind.byte(), 0]);
        bytes.extend_from_slice(&number(usize::try_from(super::PAGE).unwrap_or(0)).to_le_bytes());
        bytes.extend_from_slice(&self.pages.to_le_bytes());
        bytes.extend_from_slice(&number(self.sources.len()).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(self.runs.len() as u64).to_le_bytes());
        for source in &self.sources {
            let mut id = [0; SnapshotId::MAX];
            id[..source.snapshot.as_str().len()].copy_from_slice(source.snapshot.as_str().as_bytes());
            bytes.extend_from_slice(&id);
            bytes.extend_from_slice(source.digest.as_bytes());
            bytes.extend_from_slice(&source.pages.to_le_bytes());
        }
        for run in &self.runs {
            let (source, page) = match run.place {
                Place::Zero => (ZERO, 0),
                Place::Source { source, page } => (source, page),
            };
            bytes.extend_from_slice(&run.first.to_le_bytes());
            bytes.extend_from_slice(&run.count.to_le_bytes());
            bytes.extend_from_slice(&source.to_le_bytes());
            bytes.extend_from_slice(&page.to_le_bytes());
        }
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        bytes
    }

    /// Reads a file's content, all of it checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let view = View::open(bytes)?;
        Ok(Self {
            kind: view.kind(),
            pages: view.pages(),
            sources: view.sources()?,
            runs: view.runs().collect(),
        })
    }
}
