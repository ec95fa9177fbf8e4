//! `PUT /sandboxes/{id}/network`: what a sandbox may reach from now on, in place of all that was said before.

use axum::http::StatusCode;

use super::dto::network::Egress;
use super::errors::WriteErrors;
use super::extract::Id;
use super::openapi::TAG;
use crate::error::ApiError;
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Change what a sandbox may reach
///
/// In place of all that was said before; who may reach the sandbox stays as it was.
#[utoipa::path(
    put,
    path = "/sandboxes/{id}/network",
    operation_id = "e2b_set_network",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Egress,
    responses(
        (status = 204, description = "It holds, for open connections too."),
        WriteErrors
    )
)]
pub(super) async fn network(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(egress): Body<Egress>,
) -> Result<StatusCode, ApiError> {
    // What stays is written anew, so it has to be what the log says last: not what this gateway has heard of.
    gateway.reach(gateway.ports().journal.head().await?).await?;
    let mut policy = gateway.seen(&id).await?.state.network;
    egress.apply(&mut policy)?;
    match gateway.set_network(&id, &key, policy).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(gateway.ended_meanwhile(&id, error).await),
    }
}
