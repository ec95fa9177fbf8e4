//! What can go wrong while talking to an engine.

use crate::process::Exit;
use std::{path::PathBuf, time::Duration};

/// A request that did not succeed. `method` and `path` say which one it was.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine understood and said no: the caller's fault.
    #[error("engine at {} refused {method} {path} with {status}: {fault_message}", .socket.display())]
    Refused {
        /// The engine's API socket.
        socket: PathBuf,
        /// HTTP method.
        method: String,
        /// Path of the request.
        path: String,
        /// HTTP status, 400 to 599.
        status: u16,
        /// The engine's own words, at most a few hundred characters.
        fault_message: String,
    },
    /// No connection, or it broke: the request may or may not have taken effect.
    #[error(
        "lost the engine at {} during {method} {path}: {source}; see whether its process lives and what its log says",
        .socket.display()
    )]
    Transport {
        /// The engine's API socket.
        socket: PathBuf,
        /// HTTP method.
        method: String,
        /// Path of the request.
        path: String,
        /// What the connection reported.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine took too long: the request may or may not have taken effect.
    #[error(
        "engine at {} did not answer {method} {path} within {after:?}; a frozen engine must be killed",
        .socket.display()
    )]
    Deadline {
        /// The engine's API socket.
        socket: PathBuf,
        /// HTTP method.
        method: String,
        /// Path of the request.
        path: String,
        /// How long it was given.
        after: Duration,
    },
    /// The answer is not what this API says: an engine of another version, or something else on the socket.
    #[error("engine at {} answered {method} {path} with {status} and a body that makes no sense: {reason}", .socket.display())]
    Malformed {
        /// The engine's API socket.
        socket: PathBuf,
        /// HTTP method.
        method: String,
        /// Path of the request.
        path: String,
        /// HTTP status.
        status: u16,
        /// Why it could not be read.
        reason: String,
    },
    /// The engine never opened its socket.
    #[error("engine {id} did not serve {} within {after:?}; the end of its log: {log_tail}", .socket.display())]
    NotReady {
        /// Id of the engine.
        id: String,
        /// The engine's API socket.
        socket: PathBuf,
        /// How long it was given.
        after: Duration,
        /// Last lines of its log.
        log_tail: String,
    },
    /// The engine's process ended.
    #[error("engine {id} {exit} before it was ready; the end of its log: {log_tail}")]
    Exited {
        /// Id of the engine.
        id: String,
        /// How it ended.
        exit: Exit,
        /// Last lines of its log.
        log_tail: String,
    },
}
