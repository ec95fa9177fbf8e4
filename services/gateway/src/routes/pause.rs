//! `POST /v1/sandboxes/{id}/pause`: let a sandbox stand still, and answer when its host holds nothing of it but files.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::dto::sandbox::Sandbox;
use crate::error::{ApiError, PauseErrors};
use crate::extract::Id;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Pause a sandbox
///
/// Its memory, its disk and everything that runs in it are sealed as a snapshot, and nothing of its host is held any more
/// but that snapshot's files. Answers when that is so; at once, if it is paused already. A sandbox that cannot be paused
/// runs on, and the error says why. While it is paused it does not time out.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/pause",
    operation_id = "pause_sandbox",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    responses((status = 200, description = "It is paused.", body = Sandbox), PauseErrors)
)]
pub(crate) async fn pause(gateway: Gateway, key: CommandKey, Id(id): Id) -> Result<Response, ApiError> {
    let sequence = gateway.pause(&id, &key).await?;
    Ok(answer(
        StatusCode::OK,
        sequence,
        gateway.view_then(&id, sequence).await?,
    ))
}
