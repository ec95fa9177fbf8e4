//! `GET /openapi.json`: this API, described.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;

use crate::error::HealthErrors;

/// Written once: the route is open to everyone.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let written = serde_json::to_vec(&crate::document());
    written.expect("it is made of texts, lists and maps").into()
});

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
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}
