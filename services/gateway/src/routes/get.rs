//! `GET /v1/sandboxes/{id}`: one sandbox, ended ones too.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::dto::sandbox::Sandbox;
use crate::error::{ApiError, ReadErrors};
use crate::extract::Id;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Look a sandbox up
///
/// One that has ended is told with its state and cause.
#[utoipa::path(
    get,
    path = "/v1/sandboxes/{id}",
    operation_id = "get_sandbox",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    responses((status = 200, description = "The sandbox.", body = Sandbox), ReadErrors)
)]
pub(crate) async fn get(gateway: Gateway, min: MinSequence, Id(id): Id) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    Ok(answer(StatusCode::OK, sequence, gateway.view(&id)?))
}
