//! `POST /v1/sandboxes/{id}/files/list`: what a folder holds.

use axum::Json;
use roost_schemas::envd::filesystem::ListDirRequest;

use crate::dto::file::{Entries, ListRequest};
use crate::error::{ApiError, FileErrors};
use crate::extract::{Body, Id};
use crate::guest::Context;
use crate::state::Gateway;

/// Levels down that may be asked for.
const DEPTH: std::ops::RangeInclusive<u32> = 1..=1000;

/// List a folder
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/list",
    operation_id = "list_files",
    tag = "files",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = ListRequest,
    responses((status = 200, description = "What it holds.", body = Entries), FileErrors)
)]
pub(crate) async fn list(
    gateway: Gateway,
    Id(id): Id,
    Body(ListRequest { path, depth, user }): Body<ListRequest>,
) -> Result<Json<Entries>, ApiError> {
    if !DEPTH.contains(&depth) {
        let (least, most) = (DEPTH.start(), DEPTH.end());
        return Err(ApiError::invalid(format!(
            "depth is {depth}: use {least} to {most}"
        )));
    }
    let agent = gateway.agent(&id).await?;
    let request = ListDirRequest { path, depth };
    let listed = agent.filesystem(user.as_deref()).list_dir(request).await;
    let listed = listed.map_err(|error| Context::files(&id).rpc(error))?;
    let entries = listed.into_owned().entries.into_iter().map(Into::into).collect();
    Ok(Json(Entries { entries }))
}
