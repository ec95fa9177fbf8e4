//! `POST /v1/sandboxes/{id}/files/move`: rename a file or folder.

use axum::Json;
use roost_schemas::envd::filesystem::MoveRequest as EnvdMove;

use super::entry;
use crate::dto::file::{Entry, MoveRequest};
use crate::error::{ApiError, FileErrors};
use crate::extract::{Body, Id};
use crate::guest::Context;
use crate::state::Gateway;

/// Rename a file or folder
///
/// Not a command, so it has no `Roost-Sequence`.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/move",
    operation_id = "move_file",
    tag = "files",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = MoveRequest,
    responses((status = 200, description = "The entry at its new path.", body = Entry), FileErrors)
)]
pub(crate) async fn rename(
    gateway: Gateway,
    Id(id): Id,
    Body(MoveRequest { from, to, user }): Body<MoveRequest>,
) -> Result<Json<Entry>, ApiError> {
    let agent = gateway.agent(&id).await?;
    let request = EnvdMove {
        source: from,
        destination: to,
    };
    let moved = agent.filesystem(user.as_deref()).r#move(request).await;
    let moved = moved.map_err(|error| Context::files(&id).rpc(error))?;
    Ok(Json(entry(moved.into_owned().entry.into_option())?))
}
