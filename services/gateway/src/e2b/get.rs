//! `GET /sandboxes/{id}`: one sandbox that runs, or is paused.

use axum::Json;

use super::dto::detail::Detail;
use super::errors::ReadErrors;
use super::extract::Id;
use super::openapi::TAG;
use crate::error::ApiError;
use crate::state::Gateway;

/// Look at a sandbox
///
/// At one that runs, or is paused: others are not found.
#[utoipa::path(
    get,
    path = "/sandboxes/{id}",
    operation_id = "e2b_get_sandbox",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    responses(
        (status = 200, description = "The sandbox.", body = Detail),
        ReadErrors
    )
)]
pub(super) async fn get(gateway: Gateway, Id(id): Id) -> Result<Json<Detail>, ApiError> {
    let view = gateway.visible(&id).await?;
    let detail = Detail::of(&gateway, &id, &view);
    detail.map(Json).ok_or_else(|| ApiError::no_sandbox(&id))
}
