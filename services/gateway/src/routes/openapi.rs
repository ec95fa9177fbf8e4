//! `GET /openapi.json`: this API, described.

use std::sync::LazyLock;

use axum::Json;
use axum::response::IntoResponse;
use utoipa::openapi::OpenApi;

use crate::error::HealthErrors;

/// Made once: the route is open to everyone.
static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(crate::document);

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
    Json(&*DOCUMENT)
}
