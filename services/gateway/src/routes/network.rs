//! `PUT /v1/sandboxes/{id}/network`: change what a sandbox may reach, and who may reach it.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::dto::network::Network;
use crate::dto::sandbox::Sandbox;
use crate::error::{ApiError, WriteErrors};
use crate::extract::{Body, Id};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Change a sandbox's network
///
/// The whole policy: what the body leaves out is as in a sandbox that asked for nothing. It is carried out at once, and
/// open connections are held to it too.
#[utoipa::path(
    put,
    path = "/v1/sandboxes/{id}/network",
    operation_id = "set_network",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Network,
    responses((status = 200, description = "The sandbox with its new policy.", body = Sandbox), WriteErrors)
)]
pub(crate) async fn network(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(network): Body<Network>,
) -> Result<Response, ApiError> {
    let sequence = gateway.set_network(&id, &key, network.into()).await?;
    Ok(answer(
        StatusCode::OK,
        sequence,
        gateway.view_then(&id, sequence).await?,
    ))
}
