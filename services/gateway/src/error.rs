//! What every failed request answers: a word for programs, a sentence for people.

mod from;
pub(crate) mod responses;

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use responses::{
    CreateErrors, DeleteErrors, EventErrors, ExecErrors, FileErrors, HealthErrors, ListErrors, PageErrors,
    PauseErrors, ProcessErrors, ReadErrors, ResumeErrors, SnapshotErrors, StreamErrors, WriteErrors,
};

/// Seconds after which a request that met no room, or a part that was away, is worth sending again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a request failed, in a word. Each has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: the request makes no sense; the message names the field and what it takes.
    InvalidRequest,
    /// 401: no API key, or a wrong one.
    Unauthorized,
    /// 403: the key's scope does not reach so far, or the guest does not let that user do it.
    PermissionDenied,
    /// 404: there is no such route, sandbox or template, or the guest has no such file or program.
    NotFound,
    /// 405: the route does not take this method; `Allow` lists those it takes.
    MethodNotAllowed,
    /// 408: the body came too slowly.
    RequestTimeout,
    /// 409: the idempotency key was used for something else, or the name is taken.
    Conflict,
    /// 409: the sandbox is not in a state that allows this.
    InvalidState,
    /// 409: the log has not come to the sequence that the request asks for.
    SequenceAhead,
    /// 409: the sandbox ended while the request waited for it.
    SandboxEnded,
    /// 409: the guest has such a file already.
    AlreadyExists,
    /// 413: the body is larger than 256 KiB.
    PayloadTooLarge,
    /// 415: the body is not declared as what the route takes, which is JSON where nothing else is said.
    UnsupportedMediaType,
    /// 416: the file has no such part.
    RangeNotSatisfiable,
    /// 422: the guest could not start the program: it does not exist, or its user or folder does not.
    CommandNotStarted,
    /// 422: the guest cannot do what was asked of it, such as read a folder as a file, or act as a user it does not have.
    GuestRefused,
    /// 429: there is no room for it now, on any host or in this gateway; `Retry-After` says when to try again.
    NoCapacity,
    /// 429: the tenant has, or asks for, more than its limit, which the message names.
    LimitExceeded,
    /// 500: a fault of ours.
    Internal,
    /// 500: the sandbox could not be made to run.
    SandboxFailed,
    /// 500: the sandbox could not be paused; it runs on.
    PauseFailed,
    /// 500: the sandbox could not be resumed; it is paused as before.
    ResumeFailed,
    /// 500: the snapshot could not be taken, or not be saved; the sandbox is as it was.
    SnapshotFailed,
    /// 502: nobody knows how the program ended; the connection to its guest broke.
    ProcessLost,
    /// 502: the sandbox's guest does not answer, though the sandbox should run.
    GuestUnreachable,
    /// 503: the log, a host or this gateway's projection is away or behind; `Retry-After` says when to try again.
    Unavailable,
    /// 504: it is not done in time. It may still be; repeat it under its idempotency key, or look at the sandbox.
    DeadlineExceeded,
    /// 507: the guest's disk is full.
    DiskFull,
}

impl Code {
    /// Its HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict
            | Self::InvalidState
            | Self::SequenceAhead
            | Self::SandboxEnded
            | Self::AlreadyExists => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::CommandNotStarted | Self::GuestRefused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoCapacity | Self::LimitExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal
            | Self::SandboxFailed
            | Self::PauseFailed
            | Self::ResumeFailed
            | Self::SnapshotFailed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ProcessLost | Self::GuestUnreachable => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    fn retry_after(self) -> Option<Duration> {
        matches!(self, Self::NoCapacity | Self::LimitExceeded | Self::Unavailable).then_some(RETRY_AFTER)
    }
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Why, in a word.
    pub code: Code,
    /// What was wrong, which value, what to do.
    pub message: String,
}

impl ApiError {
    /// An error of that kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    pub(crate) fn no_sandbox(id: &impl std::fmt::Display) -> Self {
        Self::new(
            Code::NotFound,
            format!("there is no sandbox {id}; GET /v1/sandboxes lists those that live"),
        )
    }

    /// The same words for one that is not there and one that its reader may not know of.
    pub(crate) fn no_tenant(id: &impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no tenant {id}"))
    }

    pub(crate) fn no_webhook(id: &impl std::fmt::Display) -> Self {
        Self::new(
            Code::NotFound,
            format!("there is no webhook {id}; GET /v1/webhooks lists them"),
        )
    }

    pub(crate) fn no_template(name: &impl std::fmt::Display) -> Self {
        Self::new(
            Code::NotFound,
            format!("there is no template {name}; GET /v1/templates lists them"),
        )
    }
}

/// The body of every failed request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    code: Code,
    /// What was wrong, which value, what to do.
    message: String,
}

impl From<ApiError> for ErrorBody {
    fn from(error: ApiError) -> Self {
        let error = error.into();
        Self { error }
    }
}

impl From<ApiError> for ErrorDetail {
    fn from(ApiError { code, message }: ApiError) -> Self {
        Self { code, message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // For those who answer in another shape than ours.
        let kept = self.clone();
        let Self { code, message } = self;
        if code.status().is_server_error() {
            tracing::warn!(?code, message, "request failed");
        }
        let mut response = (
            code.status(),
            Json(ErrorBody {
                error: ErrorDetail { code, message },
            }),
        )
            .into_response();
        response.extensions_mut().insert(kept);
        if let Some(after) = code.retry_after() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, after.as_secs().into());
        }
        if code == Code::Unauthorized {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
