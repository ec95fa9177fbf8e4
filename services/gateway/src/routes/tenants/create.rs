//! `POST /v1/tenants`: let there be a tenant.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::command::TenantChange;

use crate::dto::tenant::{CreateTenant, Tenant};
use crate::error::{ApiError, WriteErrors};
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::routes::answer;
use crate::state::Gateway;

/// Make a tenant
///
/// For the operator alone. One that there is already, with the same limits, is answered the same way. The tenant
/// `default`, for which the operator's own key acts, is there without being made.
#[utoipa::path(
    post,
    path = "/v1/tenants",
    operation_id = "create_tenant",
    tag = "tenants",
    request_body = CreateTenant,
    responses((status = 201, description = "It is there.", body = Tenant), WriteErrors)
)]
pub(crate) async fn create(
    gateway: Gateway,
    key: CommandKey,
    Body(body): Body<CreateTenant>,
) -> Result<Response, ApiError> {
    let (id, limits) = body.parts()?;
    let change = TenantChange::Create(limits);
    let sequence = gateway.change_tenant(&key, id.clone(), change).await?;
    let tenant = gateway.fleet().read(|fleet| Tenant::of(&id, fleet));
    Ok(answer(StatusCode::CREATED, sequence, tenant))
}
