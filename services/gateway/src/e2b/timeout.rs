//! `POST /sandboxes/{id}/timeout`: move a sandbox's end, to earlier or later.

use axum::http::StatusCode;
use roost_schemas::command::SetTimeout;
use serde::Deserialize;
use utoipa::ToSchema;

use super::errors::WriteErrors;
use super::extract::Id;
use super::openapi::TAG;
use crate::error::ApiError;
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// When a sandbox is to time out.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = E2bTimeout)]
pub(super) struct Request {
    /// Seconds from now; none is at once.
    #[schema(minimum = 0, maximum = 604_800, example = 60)]
    timeout: u32,
}

/// Move a sandbox's end
///
/// To earlier or later.
#[utoipa::path(
    post,
    path = "/sandboxes/{id}/timeout",
    operation_id = "e2b_set_timeout",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Request,
    responses(
        (status = 204, description = "It is moved."),
        WriteErrors
    )
)]
pub(super) async fn timeout(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(Request { timeout }): Body<Request>,
) -> Result<StatusCode, ApiError> {
    let set = SetTimeout {
        timeout_sec: at_least_one(timeout),
        extend: false,
    };
    gateway.seen(&id).await?;
    match gateway.set_timeout(&id, &key, set).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(gateway.ended_meanwhile(&id, error).await),
    }
}

/// Zero seconds mean "at once"; one is the least a command takes.
pub(super) fn at_least_one(seconds: u32) -> u32 {
    seconds.max(1)
}
