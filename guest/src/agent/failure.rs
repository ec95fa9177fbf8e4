//! What went wrong with a file, in the words of both protocols.

use std::io;
use std::path::{Path, PathBuf};

use connectrpc::{ConnectError, ErrorCode};
use http::StatusCode;
use rustix::io::Errno;
use thiserror::Error;

/// An operation on a path failed.
#[derive(Debug, Error)]
#[error("{}", self.text())]
pub(super) struct Failure {
    path: PathBuf,
    cause: io::Error,
}

/// What a client can make of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// There is no such entry.
    Missing,
    /// There is one already.
    Exists,
    /// Not even root may do it: a read-only or virtual file system, an immutable file.
    Denied,
    /// Disk, inodes, descriptors or watches are used up.
    Exhausted,
    /// The request cannot be meant.
    Invalid,
    /// Something must change first: a directory is not empty, a mount is busy.
    Precondition,
    /// The fault is not the caller's.
    Internal,
}

impl Failure {
    pub(super) fn new(path: impl Into<PathBuf>, cause: impl Into<io::Error>) -> Self {
        Self {
            path: path.into(),
            cause: cause.into(),
        }
    }

    /// For `map_err`.
    pub(super) fn at<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> Self + '_ {
        move |cause| Self::new(path, cause)
    }

    pub(super) fn class(&self) -> Class {
        match Errno::from_io_error(&self.cause) {
            // A path that leads through a file names nothing.
            Some(Errno::NOENT | Errno::NOTDIR) => Class::Missing,
            Some(Errno::EXIST) => Class::Exists,
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Class::Denied,
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
                Class::Exhausted
            }
            Some(Errno::INVAL | Errno::NAMETOOLONG | Errno::LOOP | Errno::ISDIR) => Class::Invalid,
            Some(Errno::NOTEMPTY | Errno::XDEV | Errno::BUSY | Errno::TXTBSY | Errno::AGAIN) => {
                Class::Precondition
            }
            _ => Class::Internal,
        }
    }

    fn text(&self) -> String {
        let path = self.path.display();
        match self.class() {
            Class::Missing => format!("path '{path}' does not exist"),
            Class::Exists => format!("path '{path}' exists already"),
            Class::Exhausted if Errno::from_io_error(&self.cause) == Some(Errno::NOSPC) => {
                format!("not enough disk space available for '{path}'")
            }
            _ => format!("path '{path}': {}", self.cause),
        }
    }

    /// The status of an answer over plain HTTP.
    pub(super) fn status(&self) -> StatusCode {
        match self.class() {
            Class::Missing => StatusCode::NOT_FOUND,
            Class::Denied => StatusCode::FORBIDDEN,
            Class::Exhausted => StatusCode::INSUFFICIENT_STORAGE,
            Class::Invalid => StatusCode::BAD_REQUEST,
            Class::Exists | Class::Precondition => StatusCode::CONFLICT,
            Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Failure> for ConnectError {
    fn from(failure: Failure) -> Self {
        Self::from(&failure)
    }
}

impl From<&Failure> for ConnectError {
    fn from(failure: &Failure) -> Self {
        let code = match failure.class() {
            Class::Missing => ErrorCode::NotFound,
            Class::Exists => ErrorCode::AlreadyExists,
            Class::Denied => ErrorCode::PermissionDenied,
            Class::Exhausted => ErrorCode::ResourceExhausted,
            Class::Invalid => ErrorCode::InvalidArgument,
            Class::Precondition => ErrorCode::FailedPrecondition,
            Class::Internal => ErrorCode::Internal,
        };
        Self::new(code, failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_tell_the_same() {
        for (cause, status, code) in [
            (Errno::NOENT, 404, ErrorCode::NotFound),
            (Errno::NOTDIR, 404, ErrorCode::NotFound),
            (Errno::NOSPC, 507, ErrorCode::ResourceExhausted),
            (Errno::NAMETOOLONG, 400, ErrorCode::InvalidArgument),
            (Errno::ROFS, 403, ErrorCode::PermissionDenied),
            (Errno::EXIST, 409, ErrorCode::AlreadyExists),
            (Errno::XDEV, 409, ErrorCode::FailedPrecondition),
            (Errno::IO, 500, ErrorCode::Internal),
        ] {
            let failure = Failure::new("/a/b", cause);
            assert_eq!(failure.status(), status, "{cause:?}");
            assert!(failure.to_string().contains("'/a/b'"), "{failure}");
            assert_eq!(ConnectError::from(failure).code, code, "{cause:?}");
        }
    }
}
