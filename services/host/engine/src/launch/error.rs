//! Why an engine could not be started.

use super::JailError;
use std::{io, path::PathBuf};

/// A launch that left nothing running.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The id would be refused by the engine.
    #[error("engine id {id:?} is not 1 to 64 letters, digits or hyphens")]
    Id {
        /// The id.
        id: String,
    },
    /// The path does not fit into a socket address.
    #[error("socket path {} has {length} bytes, more than 107; choose a shorter state directory", .socket.display())]
    SocketPath {
        /// The path.
        socket: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// The program cannot be run.
    #[error("cannot run engine program {}: {reason}; install it or correct the path", .path.display())]
    Binary {
        /// The program.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The engine's directory or an old socket in it.
    #[error("cannot prepare {}: {source}", .path.display())]
    Dir {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log file.
    #[error("cannot open engine log {}: {source}", .path.display())]
    Log {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The network namespace.
    #[error("cannot enter network namespace {}: {source}; it needs CAP_SYS_ADMIN and an existing namespace", .path.display())]
    Netns {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The jail.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// Process creation.
    #[error("cannot start {}: {source}", .path.display())]
    Spawn {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record of the started engine; the engine was killed again.
    #[error("cannot record the engine in {}: {source}", .path.display())]
    Record {
        /// The record's path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
