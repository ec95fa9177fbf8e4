//! `GET /metrics`: what this gateway has counted, for Prometheus.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::error::ListErrors;

/// The text format of Prometheus, version 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Ask what the gateway has counted
///
/// In the text format of Prometheus, which sends the key if its `authorization.credentials` are set. It tells of all
/// tenants, so it is the operator's alone; `--metrics` has the same on an address of its own, without a key.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "gateway",
    responses(
        (status = 200, description = "The figures.", body = String, content_type = "text/plain"),
        ListErrors,
    )
)]
pub(crate) async fn metrics() -> Response {
    ([(CONTENT_TYPE, TEXT)], roost_telemetry::render()).into_response()
}
