//! `PUT /sandboxes/{id}/network`: what a sandbox may reach from now on, in place of all that was said before.

use axum::http::StatusCode;

use super::dto::network::Egress;
use super::extract::Id;
use crate::error::ApiError;
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Who may reach the sandbox stays as it was.
pub(super) async fn network(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(egress): Body<Egress>,
) -> Result<StatusCode, ApiError> {
    let mut policy = gateway.seen(&id).await?.state.network;
    egress.apply(&mut policy)?;
    match gateway.set_network(&id, &key, policy).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(gateway.ended_meanwhile(&id, error).await),
    }
}
