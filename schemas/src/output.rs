//! Process output as it stands on the `OUTPUT` stream.

use serde::{Deserialize, Serialize};

use crate::codec::{self, Undecodable};
use crate::event::ExitStatus;
use crate::id::Sequence;

/// Bytes of output in one frame at most.
pub const MAX_CHUNK: usize = 128 * 1024;
/// Bytes of each of a process's streams that `OUTPUT` keeps; what is written beyond is counted, not kept.
pub const MAX_KEPT: u64 = 8 * 1024 * 1024;

/// Which of a process's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Its terminal, in place of both.
    Pty,
}

/// One message on a process's subject; `End` is the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// Bytes it wrote.
    Data {
        /// To which stream.
        channel: Channel,
        /// Where they begin in that stream, so that a reader sees a gap.
        offset: u64,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// It has ended, and the log says so.
    End {
        /// How.
        status: ExitStatus,
        /// Milliseconds from its admission to its end.
        duration_ms: u64,
        /// All bytes it wrote to standard output, kept or not.
        stdout_bytes: u64,
        /// All bytes it wrote to standard error, kept or not.
        stderr_bytes: u64,
        /// Where the `process_exited` event stands.
        sequence: Sequence,
    },
}

impl Frame {
    /// The body in MessagePack.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a body in MessagePack.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        codec::decode("output frame", bytes)
    }
}
