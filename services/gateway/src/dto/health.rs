//! The gateway's own condition.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether reads show the log as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    pub(crate) status: Status,
    /// How far this gateway has read the log.
    pub(crate) sequence: u64,
    /// Where the log ends; absent if it could not be asked.
    pub(crate) head: Option<u64>,
    /// What is wrong, if something is.
    pub(crate) message: Option<String>,
}

/// The condition in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Reads show the log as it is.
    Ok,
    /// Reads are behind the log.
    Behind,
    /// The projection has stopped: the log lost commits, or is not the one that was read.
    Stopped,
    /// The log does not answer.
    LogUnavailable,
}
