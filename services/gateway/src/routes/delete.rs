//! `DELETE /v1/sandboxes/{id}`: end a sandbox, and answer when its host holds nothing of it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, DeleteErrors};
use crate::extract::Id;
use crate::idempotency::CommandKey;
use crate::sequence::SEQUENCE;
use crate::state::Gateway;

/// End a sandbox
///
/// Answers when it has ended and its host holds nothing of it. One that has ended before is answered the same way.
#[utoipa::path(
    delete,
    path = "/v1/sandboxes/{id}",
    operation_id = "delete_sandbox",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    responses((status = 204, description = "It has ended, and its host holds nothing of it."), DeleteErrors)
)]
pub(crate) async fn delete(gateway: Gateway, key: CommandKey, Id(id): Id) -> Result<Response, ApiError> {
    let sequence = gateway.end(&id, &key).await?;
    Ok((StatusCode::NO_CONTENT, [(SEQUENCE, sequence.to_string())]).into_response())
}
