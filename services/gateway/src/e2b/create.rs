//! `POST /sandboxes` and `POST /v2/sandboxes`: make a sandbox, and answer when it can be used.
//!
//! SDKs repeat a create that met 429, 502, 503 or 504 unless `Should-Retry` forbids it. With an `Idempotency-Key` that
//! makes no second sandbox; without one it might, so it is forbidden as soon as the command may have been taken.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use roost_schemas::spec::DEFAULT_TIMEOUT_SEC;
use roost_schemas::{SandboxId, Sequence};

use super::dto::created::Created;
use super::dto::new::NewSandbox;
use super::errors::CreateErrors;
use super::openapi::TAG;
use crate::describe;
use crate::error::{ApiError, Code};
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Seconds a sandbox lives whose creator named no time, on the first version of the route.
const DEFAULT_TIMEOUT_SEC_V1: u32 = 15;
/// In answers: that a client is not to repeat the request by itself.
pub(super) const SHOULD_RETRY: HeaderName = HeaderName::from_static("should-retry");

/// Make a sandbox, as old clients do
///
/// The same as `POST /v2/sandboxes`, but it lives 15 seconds if no time is named.
#[utoipa::path(
    post,
    path = "/sandboxes",
    operation_id = "e2b_create_sandbox_v1",
    tag = TAG,
    request_body = NewSandbox,
    responses(
        (status = 201, description = "It runs.", body = Created),
        CreateErrors
    )
)]
pub(super) async fn v1(
    gateway: Gateway,
    key: CommandKey,
    Body(new): Body<NewSandbox>,
) -> Result<Response, ApiError> {
    create(&gateway, &key, new, DEFAULT_TIMEOUT_SEC_V1).await
}

/// Make a sandbox
///
/// Answers when it runs. It lives 300 seconds if no time is named. Fields that nobody knows are ignored.
#[utoipa::path(
    post,
    path = "/v2/sandboxes",
    operation_id = "e2b_create_sandbox",
    tag = TAG,
    request_body = NewSandbox,
    responses(
        (status = 201, description = "It runs.", body = Created),
        CreateErrors
    )
)]
pub(super) async fn v2(
    gateway: Gateway,
    key: CommandKey,
    Body(new): Body<NewSandbox>,
) -> Result<Response, ApiError> {
    create(&gateway, &key, new, DEFAULT_TIMEOUT_SEC).await
}

async fn create(
    gateway: &Gateway,
    key: &CommandKey,
    new: NewSandbox,
    default_timeout: u32,
) -> Result<Response, ApiError> {
    let spec = new.spec(default_timeout)?;
    gateway.reach(Sequence::default()).await?;
    // From here on a failure may leave a sandbox behind.
    let created = match gateway.create(key, &spec, None).await {
        Ok((id, _)) => usable(gateway, &id),
        Err(error) => Err(error),
    };
    match created {
        Ok(created) => Ok((StatusCode::CREATED, Json(created)).into_response()),
        Err(error) if !key.given && matches!(error.code, Code::Unavailable | Code::DeadlineExceeded) => {
            let forbid = [(SHOULD_RETRY, HeaderValue::from_static("false"))];
            Ok((forbid, error).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The sandbox, unless it has ended since it was made, under a key that was used long ago.
fn usable(gateway: &Gateway, id: &SandboxId) -> Result<Created, ApiError> {
    let view = gateway
        .fleet()
        .read(|fleet| fleet.sandbox(gateway.tenant(), id).cloned());
    let sandbox = view.ok_or_else(|| ApiError::no_sandbox(id))?.state;
    if sandbox.phase.is_end() {
        return Err(ApiError::new(Code::SandboxEnded, describe::end(id, &sandbox)));
    }
    Created::of(gateway, id, &sandbox).ok_or_else(|| ApiError::no_sandbox(id))
}
