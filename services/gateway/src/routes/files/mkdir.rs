//! `POST /v1/sandboxes/{id}/files/mkdir`: make a folder.

use axum::Json;
use axum::http::StatusCode;
use roost_schemas::envd::filesystem::MakeDirRequest;

use super::entry;
use crate::dto::file::{Entry, PathRequest};
use crate::error::{ApiError, FileErrors};
use crate::extract::{Body, Id};
use crate::guest::Context;
use crate::state::Gateway;

/// Make a folder
///
/// And those on the way to it. Not a command, so it has no `Roost-Sequence`.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/mkdir",
    operation_id = "make_folder",
    tag = "files",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = PathRequest,
    responses((status = 201, description = "The folder.", body = Entry), FileErrors)
)]
pub(crate) async fn mkdir(
    gateway: Gateway,
    Id(id): Id,
    Body(PathRequest { path, user }): Body<PathRequest>,
) -> Result<(StatusCode, Json<Entry>), ApiError> {
    let agent = gateway.agent(&id).await?;
    let made = agent
        .filesystem(user.as_deref())
        .make_dir(MakeDirRequest { path })
        .await;
    let made = made.map_err(|error| Context::files(&id).rpc(error))?;
    let made = entry(made.into_owned().entry.into_option())?;
    Ok((StatusCode::CREATED, Json(made)))
}
