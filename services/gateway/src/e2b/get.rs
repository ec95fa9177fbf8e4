//! `GET /sandboxes/{id}`: one sandbox that runs, or is paused.

use axum::Json;

use super::dto::detail::Detail;
use super::extract::Id;
use crate::error::ApiError;
use crate::state::Gateway;

pub(super) async fn get(gateway: Gateway, Id(id): Id) -> Result<Json<Detail>, ApiError> {
    let view = gateway.visible(&id).await?;
    let detail = Detail::of(&gateway, &id, &view);
    detail.map(Json).ok_or_else(|| ApiError::no_sandbox(&id))
}
