//! What the edge itself answers: an [`EdgeError`] for the gateway, a sentence for a log.

use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use roost_proxy::{Body, boxed};
use roost_schemas::SandboxId;
use roost_schemas::edge::{ERROR, EdgeError};

/// Why a request was not forwarded.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: EdgeError,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(kind: EdgeError, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    pub(crate) fn no_sandbox(sandbox: &SandboxId) -> Self {
        Self::new(
            EdgeError::NoSandbox,
            format!("sandbox {sandbox} does not run on this host"),
        )
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(boxed(Full::from(self.message)));
        *response.status_mut() = match self.kind {
            EdgeError::Forbidden => StatusCode::FORBIDDEN,
            EdgeError::NoPath => StatusCode::NOT_FOUND,
            EdgeError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            EdgeError::NoSandbox | EdgeError::PortClosed | EdgeError::Unreachable => StatusCode::BAD_GATEWAY,
        };
        let kind = HeaderValue::from_static(self.kind.as_str());
        response.headers_mut().insert(ERROR, kind);
        response
    }
}
