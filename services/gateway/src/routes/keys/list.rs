//! `GET /v1/keys`: a tenant's keys, without what only their holders know.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::Timestamp;

use super::acting;
use crate::dto::key::{Key, Keys};
use crate::error::{ApiError, ReadErrors};
use crate::extract::Pairs;
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// List API keys
///
/// Those too that admit nobody any more, for a while; oldest first.
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "list_keys",
    tag = "tenants",
    params(("tenant" = Option<String>, Query, description = "Whose; other than the caller's own tenant for the operator alone.")),
    responses((status = 200, description = "All of them.", body = Keys), ReadErrors)
)]
pub(crate) async fn list(gateway: Gateway, min: MinSequence, pairs: Pairs) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let gateway = acting(&gateway, pairs)?;
    let sequence = gateway.fleet().applied();
    let now = Timestamp::now();
    let mut held: Vec<_> = gateway.fleet().read(|fleet| {
        let tenant = fleet.tenant(gateway.tenant());
        tenant.map_or_else(Vec::new, |view| view.state.keys.values().cloned().collect())
    });
    held.sort_by(|a, b| (a.key.created_at, &a.key.id).cmp(&(b.key.created_at, &b.key.id)));
    let keys = held.iter().map(|held| Key::of(held, now)).collect();
    Ok(answer(StatusCode::OK, sequence, Keys { keys }))
}
