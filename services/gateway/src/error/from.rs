//! How the ports' errors and a host's rejections read over HTTP.

use roost_journal::port::{JournalError, OutputError, QueueError};
use roost_schemas::codec::Undecodable;
use roost_schemas::reply::{self, Rejected};

use super::{ApiError, Code};

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        let code = match rejected.code {
            reply::Code::InvalidRequest => Code::InvalidRequest,
            reply::Code::NotFound => Code::NotFound,
            reply::Code::InvalidState => Code::InvalidState,
            reply::Code::Conflict => Code::Conflict,
            reply::Code::NoCapacity => Code::NoCapacity,
            reply::Code::LimitExceeded => Code::LimitExceeded,
            reply::Code::Forbidden => Code::PermissionDenied,
            reply::Code::DeadlineExceeded => Code::DeadlineExceeded,
            reply::Code::Unavailable => Code::Unavailable,
        };
        Self::new(code, rejected.message)
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        let code = match &error {
            JournalError::Unavailable { .. } | JournalError::Unfit { .. } => Code::Unavailable,
            JournalError::CommandIdReused { .. } => Code::Conflict,
            JournalError::Behind { .. }
            | JournalError::Another { .. }
            | JournalError::Refused { .. }
            | JournalError::Foreign(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        let code = match &error {
            QueueError::Unavailable { .. } | QueueError::Full { .. } => Code::Unavailable,
            QueueError::NoAnswer { .. } => Code::DeadlineExceeded,
            QueueError::Refused { .. } => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<OutputError> for ApiError {
    fn from(error: OutputError) -> Self {
        let code = match &error {
            OutputError::Unavailable { .. } => Code::Unavailable,
            OutputError::Foreign { .. } => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Undecodable> for ApiError {
    fn from(error: Undecodable) -> Self {
        Self::new(
            Code::Internal,
            format!("{error}; this gateway's release does not fit the log's"),
        )
    }
}
