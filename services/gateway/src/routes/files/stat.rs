//! `POST /v1/sandboxes/{id}/files/stat`: what stands at a path.

use axum::Json;
use roost_schemas::envd::filesystem::StatRequest;

use super::entry;
use crate::dto::file::{Entry, PathRequest};
use crate::error::{ApiError, FileErrors};
use crate::extract::{Body, Id};
use crate::guest::Context;
use crate::state::Gateway;

/// Look at a file or folder
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/stat",
    operation_id = "stat_file",
    tag = "files",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = PathRequest,
    responses((status = 200, description = "What it is.", body = Entry), FileErrors)
)]
pub(crate) async fn stat(
    gateway: Gateway,
    Id(id): Id,
    Body(PathRequest { path, user }): Body<PathRequest>,
) -> Result<Json<Entry>, ApiError> {
    let agent = gateway.agent(&id).await?;
    let found = agent.filesystem(user.as_deref()).stat(StatRequest { path }).await;
    let found = found.map_err(|error| Context::files(&id).rpc(error))?;
    Ok(Json(entry(found.into_owned().entry.into_option())?))
}
