//! `GET /openapi.json`: this API, described.

use axum::Json;
use axum::response::IntoResponse;

use crate::error::HealthErrors;

/// Read this description
///
/// Needs no key.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "gateway",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object), HealthErrors)
)]
pub(crate) async fn openapi() -> impl IntoResponse {
    Json(crate::document())
}
