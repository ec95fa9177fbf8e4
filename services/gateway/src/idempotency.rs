//! `Idempotency-Key`: the command's id, chosen by the client or made here, told in every answer to a write.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use roost_schemas::CommandId;

use crate::error::{ApiError, Code};

/// The header, in requests and in the answers to writes, failed ones too.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The id of the command that a write sends.
#[derive(Debug, Clone)]
pub(crate) struct CommandKey {
    /// The id.
    pub(crate) id: CommandId,
    /// Whether the client chose it, so that the command may have been sent before.
    pub(crate) given: bool,
}

impl CommandKey {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
            return Ok(Self {
                id: CommandId::random(),
                given: false,
            });
        };
        let id = CommandId::new(String::from_utf8_lossy(value.as_bytes()))
            .map_err(|error| ApiError::invalid(format!("header {IDEMPOTENCY_KEY}: {error}")))?;
        if id.is_reserved() {
            return Err(ApiError::invalid(format!(
                "header {IDEMPOTENCY_KEY}: \"{id}\" begins as the ids of Roost's own commands do: use another first character"
            )));
        }
        Ok(Self { id, given: true })
    }
}

/// Gives every write its key, and tells it in the answer, so that a request which failed half-way can be repeated.
pub(crate) async fn assign(mut request: Request, next: Next) -> Result<Response, ApiError> {
    if request.method().is_safe() {
        return Ok(next.run(request).await);
    }
    let key = CommandKey::of(request.headers())?;
    let told = HeaderValue::from_str(key.id.as_str());
    request.extensions_mut().insert(key);
    let mut response = next.run(request).await;
    if let Ok(told) = told {
        response.headers_mut().insert(IDEMPOTENCY_KEY, told);
    }
    Ok(response.into_response())
}

impl<S: Sync> FromRequestParts<S> for CommandKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let assigned = parts.extensions.get().cloned();
        assigned.ok_or_else(|| ApiError::new(Code::Internal, "this route was given no command id"))
    }
}
