//! What an agent, or the edge before it, answers instead of what was asked for.

use axum::http::{HeaderMap, StatusCode};
use connectrpc::{ConnectError, ErrorCode};
use roost_proxy::ForwardError;
use roost_schemas::SandboxId;
use roost_schemas::edge::{self, EdgeError};
use tower_http::timeout::TimeoutError;

use crate::error::{ApiError, Code};
use crate::limits::BODY_SILENCE;

/// What a call was about, for the words of its failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) sandbox: &'a SandboxId,
    /// What the agent has run out of when it says so.
    pub(crate) exhausted: Code,
}

impl<'a> Context<'a> {
    /// A call about processes.
    pub(crate) fn processes(sandbox: &'a SandboxId) -> Self {
        Self {
            sandbox,
            exhausted: Code::NoCapacity,
        }
    }

    /// A call about files.
    pub(crate) fn files(sandbox: &'a SandboxId) -> Self {
        Self {
            sandbox,
            exhausted: Code::DiskFull,
        }
    }

    /// Of a call by Connect.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what `map_err` hands over is of no other use"
    )]
    pub(crate) fn rpc(self, error: ConnectError) -> ApiError {
        if let Some(error) = self.edge(error.response_headers()) {
            return error;
        }
        let words = error.message.clone().unwrap_or_else(|| error.to_string());
        let code = match error.code {
            ErrorCode::NotFound => Code::NotFound,
            // A user that the guest does not have is told as one that cannot be authenticated.
            ErrorCode::InvalidArgument | ErrorCode::OutOfRange | ErrorCode::Unauthenticated => {
                Code::GuestRefused
            }
            ErrorCode::AlreadyExists => Code::AlreadyExists,
            ErrorCode::PermissionDenied => Code::PermissionDenied,
            ErrorCode::FailedPrecondition => Code::InvalidState,
            ErrorCode::ResourceExhausted => self.exhausted,
            ErrorCode::DeadlineExceeded => Code::DeadlineExceeded,
            ErrorCode::Unavailable => return self.unreachable(&words),
            _ => Code::Internal,
        };
        ApiError::new(code, format!("sandbox {}: {words}", self.sandbox))
    }

    /// Of a call by plain HTTP that has this status, and these words in its body.
    pub(crate) fn http(self, status: StatusCode, words: &str) -> ApiError {
        let code = match status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::UNPROCESSABLE_ENTITY => {
                Code::GuestRefused
            }
            StatusCode::FORBIDDEN => Code::PermissionDenied,
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::CONFLICT => Code::AlreadyExists,
            StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            StatusCode::RANGE_NOT_SATISFIABLE => Code::RangeNotSatisfiable,
            StatusCode::INSUFFICIENT_STORAGE => Code::DiskFull,
            StatusCode::TOO_MANY_REQUESTS => Code::NoCapacity,
            _ => Code::Internal,
        };
        ApiError::new(
            code,
            format!("sandbox {}: its agent answers {status}: {words}", self.sandbox),
        )
    }

    /// Of what the edge itself answers, which no agent can fake: edges take its header off agents' answers.
    pub(crate) fn edge(self, headers: &HeaderMap) -> Option<ApiError> {
        let told = headers.get(edge::ERROR)?.to_str().ok()?.parse::<EdgeError>();
        let id = self.sandbox;
        Some(match told {
            Ok(EdgeError::NoSandbox) => ApiError::new(
                Code::InvalidState,
                format!(
                    "sandbox {id} does not run on its host any more; GET /v1/sandboxes/{id} tells what became of it"
                ),
            ),
            Ok(EdgeError::PortClosed) => self.unreachable("its agent does not listen"),
            Ok(EdgeError::Unreachable) => self.unreachable("its agent does not answer"),
            Ok(refused @ (EdgeError::Forbidden | EdgeError::NoPath)) => ApiError::new(
                Code::Internal,
                format!(
                    "the edge of sandbox {id}'s host refuses this gateway ({refused}): start both with the same token key and release"
                ),
            ),
            Ok(EdgeError::Busy) => ApiError::new(
                Code::Unavailable,
                format!("the edge of sandbox {id}'s host has as many exchanges as it takes; try again"),
            ),
            Err(unknown) => ApiError::new(Code::Internal, format!("sandbox {id}: {unknown}")),
        })
    }

    /// Of a call that was not answered at all.
    pub(crate) fn forward(self, error: &ForwardError) -> ApiError {
        if error.find::<TimeoutError>().is_some() {
            let message = format!(
                "sandbox {}: the body stood still for {BODY_SILENCE:?}",
                self.sandbox
            );
            return ApiError::new(Code::RequestTimeout, message);
        }
        self.unreachable(&error.chain())
    }

    fn unreachable(self, detail: &str) -> ApiError {
        let id = self.sandbox;
        ApiError::new(
            Code::GuestUnreachable,
            format!(
                "the agent of sandbox {id} cannot be reached: {detail}; GET /v1/sandboxes/{id} tells whether it still runs"
            ),
        )
    }
}
