//! `Idempotency-Key`: the command's id, chosen by the client or made here, told in every answer to a write.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use roost_schemas::commit::Principal;
use roost_schemas::{CommandId, Generation, SandboxId};

use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// The header, in requests and in the answers to writes, failed ones too.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Who resumes a sandbox for which a request has come: mostly that has no API key.
const AUTO_RESUME: &str = "auto-resume";

/// The id of the command that a write sends.
#[derive(Debug, Clone)]
pub(crate) struct CommandKey {
    /// The id.
    pub(crate) id: CommandId,
    /// Whether the client chose it, so that the command may have been sent before.
    pub(crate) given: bool,
    /// Whether a client asked for the command, and not this gateway by itself.
    asked: bool,
}

impl CommandKey {
    /// A key that a client chose.
    pub(crate) fn given(id: CommandId) -> Self {
        Self {
            id,
            given: true,
            asked: true,
        }
    }

    /// The key of the resume that ends the pause of `sandbox` in `generation`: several requests, through several gateways,
    /// end a pause once, and never a later one.
    pub(crate) fn auto_resume(sandbox: &SandboxId, generation: Generation) -> Self {
        Self {
            id: CommandId::system(sandbox, generation, "auto-resume"),
            given: false,
            asked: false,
        }
    }

    /// The key of one of several commands that one request leads to.
    pub(crate) fn part(&self, part: &str) -> Self {
        // Hashed together: two keys, each long or with a dot of its own, never have the same part.
        let mut hash = blake3::Hasher::new_derive_key("roost 2026 part of a request");
        hash.update(&(self.id.as_str().len() as u64).to_le_bytes());
        hash.update(self.id.as_str().as_bytes());
        hash.update(part.as_bytes());
        Self {
            id: CommandId::new(hash.finalize().to_hex()).expect("a digest in hex is an id"),
            ..self.clone()
        }
    }

    /// What commits say of who sent the command.
    pub(crate) fn sender(&self, gateway: &Gateway) -> Principal {
        if self.asked {
            gateway.caller().principal.clone()
        } else {
            AUTO_RESUME.to_owned()
        }
    }

    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
            return Ok(Self {
                id: CommandId::random(),
                given: false,
                asked: true,
            });
        };
        let id = CommandId::new(String::from_utf8_lossy(value.as_bytes()))
            .map_err(|error| ApiError::invalid(format!("header {IDEMPOTENCY_KEY}: {error}")))?;
        if id.is_reserved() {
            return Err(ApiError::invalid(format!(
                "header {IDEMPOTENCY_KEY}: \"{id}\" begins as the ids of Roost's own commands do: use another first character"
            )));
        }
        Ok(Self::given(id))
    }
}

/// Gives every write its key, and tells it in the answer, so that a request which failed half-way can be repeated.
pub(crate) async fn assign(mut request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    // One that is no key is told by the routes that take one.
    let key = CommandKey::of(request.headers());
    let told = key
        .as_ref()
        .ok()
        .and_then(|key| HeaderValue::from_str(key.id.as_str()).ok());
    request.extensions_mut().insert(key);
    let mut response = next.run(request).await;
    if let Some(told) = told {
        response.headers_mut().insert(IDEMPOTENCY_KEY, told);
    }
    response.into_response()
}

impl<S: Sync> FromRequestParts<S> for CommandKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let assigned = parts.extensions.get::<Result<Self, ApiError>>().cloned();
        assigned.unwrap_or_else(|| {
            Err(ApiError::new(
                Code::Internal,
                "this route was given no command id",
            ))
        })
    }
}
