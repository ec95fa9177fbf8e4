//! `GET /v1/tenants/{tenant}`: what a tenant may have, and has.

use axum::http::StatusCode;
use axum::response::Response;

use crate::dto::tenant::Tenant;
use crate::error::{ApiError, ReadErrors};
use crate::extract::TenantName;
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Look a tenant up
///
/// Its limits, and what it has now. Whoever is not the operator sees its own tenant, and finds no other.
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}",
    operation_id = "get_tenant",
    tag = "tenants",
    params(("tenant" = String, Path, description = "The tenant.")),
    responses((status = 200, description = "The tenant.", body = Tenant), ReadErrors)
)]
pub(crate) async fn get(
    gateway: Gateway,
    min: MinSequence,
    TenantName(tenant): TenantName,
) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let gateway = gateway.acting_for(Some(tenant.as_str()))?;
    let sequence = gateway.fleet().applied();
    let tenant = gateway.fleet().read(|fleet| Tenant::of(&tenant, fleet));
    Ok(answer(StatusCode::OK, sequence, tenant))
}
