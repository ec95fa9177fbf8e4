//! `DELETE /sandboxes/{id}`: end a sandbox, and answer when its host holds nothing of it.

use axum::http::StatusCode;

use super::errors::DeleteErrors;
use super::extract::Id;
use super::openapi::TAG;
use crate::describe;
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// End a sandbox
///
/// Answers when its host holds nothing of it. One that has ended before is not found, which SDKs tell as `false`.
#[utoipa::path(
    delete,
    path = "/sandboxes/{id}",
    operation_id = "e2b_kill_sandbox",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    responses(
        (status = 204, description = "It has ended."),
        DeleteErrors
    )
)]
pub(super) async fn kill(gateway: Gateway, key: CommandKey, Id(id): Id) -> Result<StatusCode, ApiError> {
    let view = gateway.known(&id).await?;
    if view.state.phase.is_end() {
        return Err(ApiError::new(Code::NotFound, describe::end(&id, &view.state)));
    }
    gateway.end(&id, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}
