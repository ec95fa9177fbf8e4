//! `POST /v1/sandboxes/{id}/files/remove`: remove a file or folder.

use axum::http::StatusCode;
use roost_schemas::envd::filesystem::RemoveRequest;

use crate::dto::file::PathRequest;
use crate::error::{ApiError, FileErrors};
use crate::extract::{Body, Id};
use crate::guest::Context;
use crate::state::Gateway;

/// Remove a file or folder
///
/// And everything below it. Not a command, so it has no `Roost-Sequence`.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/remove",
    operation_id = "remove_file",
    tag = "files",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = PathRequest,
    responses((status = 204, description = "It is gone."), FileErrors)
)]
pub(crate) async fn remove(
    gateway: Gateway,
    Id(id): Id,
    Body(PathRequest { path, user }): Body<PathRequest>,
) -> Result<StatusCode, ApiError> {
    let agent = gateway.agent(&id).await?;
    let removed = agent
        .filesystem(user.as_deref())
        .remove(RemoveRequest { path })
        .await;
    removed.map_err(|error| Context::files(&id).rpc(error))?;
    Ok(StatusCode::NO_CONTENT)
}
