//! `POST /v1/sandboxes/{id}/timeout`: move a sandbox's end.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::command::SetTimeout as Command;

use super::answer;
use crate::dto::sandbox::Sandbox;
use crate::dto::timeout::SetTimeout;
use crate::error::{ApiError, WriteErrors};
use crate::extract::{Body, Id};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Move a sandbox's end
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/timeout",
    operation_id = "set_timeout",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = SetTimeout,
    responses((status = 200, description = "The sandbox with its new end.", body = Sandbox), WriteErrors)
)]
pub(crate) async fn timeout(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(SetTimeout { timeout_sec }): Body<SetTimeout>,
) -> Result<Response, ApiError> {
    let set = Command {
        timeout_sec,
        extend: false,
    };
    let sequence = gateway.set_timeout(&id, &key, set).await?;
    Ok(answer(
        StatusCode::OK,
        sequence,
        gateway.view_then(&id, sequence).await?,
    ))
}
