//! `PUT /v1/tenants/{tenant}/limits`: how much a tenant may have.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::command::TenantChange;

use crate::dto::tenant::{Limits, Tenant};
use crate::error::{ApiError, WriteErrors};
use crate::extract::{Body, TenantName};
use crate::idempotency::CommandKey;
use crate::routes::answer;
use crate::state::Gateway;

/// Set a tenant's limits
///
/// For the operator alone. They take the place of those it has: one that is absent here is lifted. What the tenant has
/// already stays, even if it is more.
#[utoipa::path(
    put,
    path = "/v1/tenants/{tenant}/limits",
    operation_id = "set_limits",
    tag = "tenants",
    params(("tenant" = String, Path, description = "The tenant.")),
    request_body = Limits,
    responses((status = 200, description = "They hold from now on.", body = Tenant), WriteErrors)
)]
pub(crate) async fn limits(
    gateway: Gateway,
    key: CommandKey,
    TenantName(id): TenantName,
    Body(limits): Body<Limits>,
) -> Result<Response, ApiError> {
    let change = TenantChange::SetLimits(limits.into());
    let sequence = gateway.change_tenant(&key, id.clone(), change).await?;
    let tenant = gateway.fleet().read(|fleet| Tenant::of(&id, fleet));
    Ok(answer(StatusCode::OK, sequence, tenant))
}
