//! `GET /v1/tenants`: all there are.

use axum::http::StatusCode;
use axum::response::Response;

use crate::dto::tenant::Tenants;
use crate::error::{ApiError, ListErrors};
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// List tenants
///
/// For the operator alone.
#[utoipa::path(
    get,
    path = "/v1/tenants",
    operation_id = "list_tenants",
    tag = "tenants",
    responses((status = 200, description = "All of them.", body = Tenants), ListErrors)
)]
pub(crate) async fn list(gateway: Gateway, min: MinSequence) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    Ok(answer(
        StatusCode::OK,
        sequence,
        gateway.fleet().read(Tenants::of),
    ))
}
