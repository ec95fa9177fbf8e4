//! The seal: the document that says what a snapshot consists of.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::codec::Undecodable;
use crate::digest::Digest;
use crate::event::EngineKind;
use crate::id::{SnapshotId, TemplateName};
use crate::spec::Resources;

/// The version this release writes and the only one it reads.
pub const SEAL_VERSION: u16 = 1;

/// What a snapshot consists of, and what it needs to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// [`SEAL_VERSION`].
    pub version: u16,
    /// The snapshot; also the name of the folder.
    pub snapshot: SnapshotId,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The image behind its read-only drive.
    pub template: TemplateName,
    /// That image's digest, as the template's registration has it.
    pub image: String,
    /// vCPUs and memory, which cannot be changed.
    pub resources: Resources,
    /// What it runs on.
    pub machine: Machine,
    /// `state`.
    pub state: Part,
    /// `memory.manifest`.
    pub memory: Part,
    /// `disk.manifest`.
    pub disk: Part,
}

/// What a snapshot can be restored on: only where all of it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The engine.
    pub engine: EngineKind,
    /// Its version, and that of what it runs guests with.
    pub engine_version: String,
    /// The processor that its guests see.
    pub cpu: String,
}

/// One file of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
}

impl Part {
    /// What `bytes` are.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            digest: Digest::of(bytes),
        }
    }
}

/// The field that tells how to read the rest.
#[derive(Deserialize)]
struct Version {
    version: u16,
}

impl Seal {
    /// Bytes it may have; ours have about one thousand.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The file's content.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a seal has string keys and no fallible serializers")
    }

    /// Reads the file's content.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        const WHAT: &str = "seal";
        let malformed = |reason: String| Undecodable::Malformed {
            what: WHAT,
            bytes: bytes.len(),
            reason,
        };
        if bytes.len() > Self::MAX_BYTES {
            return Err(malformed(format!("a seal has at most {} bytes", Self::MAX_BYTES)));
        }
        let Version { version } =
            serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        if version > SEAL_VERSION {
            return Err(Undecodable::TooNew {
                what: WHAT,
                found: version,
                newest: SEAL_VERSION,
            });
        }
        if version != SEAL_VERSION {
            return Err(malformed(format!("no release has written version {version}")));
        }
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))
    }
}
