//! Why a request for files is not served, in E2B's shape.

use std::path::PathBuf;

use http::{HeaderValue, Response, StatusCode, header};
use thiserror::Error;

use crate::agent::actor::{ActorError, PathError};
use crate::agent::failure::{Class, Failure};
use crate::agent::http::{Body, refusal};
use crate::agent::metadata::MetadataError;

/// A request that is not served.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Unauthorized(&'static str),
    #[error(transparent)]
    Actor(#[from] ActorError),
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("path '{}' is a directory", .0.display())]
    Directory(PathBuf),
    #[error("path '{}' is not a regular file", .0.display())]
    Special(PathBuf),
    #[error("path '{}' has no size and holds more than {most} bytes: read it with a command", path.display())]
    Endless { path: PathBuf, most: usize },
    #[error("no encoding that the client accepts is possible here; there are identity and gzip")]
    NotAcceptable,
    #[error("the range is not within the {0} bytes of the file")]
    Range(u64),
    #[error("not enough disk space available: {wanted} bytes are announced, {free} are free")]
    NoRoom { wanted: u64, free: u64 },
    #[error("the body exceeds {0} bytes")]
    TooLarge(usize),
    #[error("the body broke off: {0}")]
    Broken(String),
    #[error("nothing came for {0} s")]
    Idle(u64),
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized(_) | Self::Actor(ActorError::Unknown(_)) => StatusCode::UNAUTHORIZED,
            Self::Actor(ActorError::Unreadable(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Invalid(_)
            | Self::Path(_)
            | Self::Metadata(_)
            | Self::Directory(_)
            | Self::Special(_)
            | Self::Endless { .. }
            | Self::Broken(_) => StatusCode::BAD_REQUEST,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::NoRoom { .. } => StatusCode::INSUFFICIENT_STORAGE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Idle(_) => StatusCode::REQUEST_TIMEOUT,
            // A file where a directory should be: the path is wrong.
            Self::Failure(failure) if failure.class() == Class::Exists => StatusCode::BAD_REQUEST,
            Self::Failure(failure) => failure.status(),
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = refusal(self.status(), &self.to_string());
        if let Self::Range(length) = self
            && let Ok(value) = HeaderValue::try_from(format!("bytes */{length}"))
        {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        response
    }
}
