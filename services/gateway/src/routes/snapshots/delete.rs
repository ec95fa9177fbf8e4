//! `DELETE /v1/snapshots/{name}`: let no sandbox start from a template any more.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, DeleteErrors};
use crate::extract::Name;
use crate::idempotency::CommandKey;
use crate::sequence::SEQUENCE;
use crate::state::Gateway;

/// Delete a snapshot that is a template
///
/// Sandboxes that were made from it run on, and can be paused and resumed: its files go when the last of them no longer
/// needs them. Images cannot be deleted.
#[utoipa::path(
    delete,
    path = "/v1/snapshots/{name}",
    operation_id = "delete_snapshot",
    tag = "fleet",
    params(("name" = String, Path, description = "The template's name.")),
    responses((status = 204, description = "No sandbox can start from it any more."), DeleteErrors)
)]
pub(crate) async fn delete(
    gateway: Gateway,
    key: CommandKey,
    Name(name): Name,
) -> Result<Response, ApiError> {
    let sequence = gateway.delete_template(&name, &key).await?;
    Ok((StatusCode::NO_CONTENT, [(SEQUENCE, sequence.to_string())]).into_response())
}
