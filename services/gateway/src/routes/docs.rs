//! `GET /docs`: this API as a page to read and to try, which needs nothing from anywhere else.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, serve};

use crate::error::{ApiError, Code, HealthErrors, PageErrors};

/// Where the page looks for the description; nobody else is asked whether it is valid.
static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/openapi.json")
        .validator_url("none")
        .try_it_out_enabled(true);
    Arc::new(config.persist_authorization(true))
});

/// The page, and what it is made of, is ours alone: it holds the reader's API key. Its styles are partly written inline.
const ONLY_OURS: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
/// A release has its own; within one they never change.
const KEPT: &str = "public, max-age=3600";

/// Read about this API
///
/// Needs no key, and no other server.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "gateway",
    security(()),
    responses((status = 200, description = "The page.", content_type = "text/html"), HealthErrors)
)]
pub(crate) async fn page() -> Result<Response, ApiError> {
    let (kind, bytes) = file("index.html")?;
    // The page stands beside the folder of its parts, not in it.
    let text = String::from_utf8_lossy(&bytes).replace("\"./", "\"/docs/");
    Ok(answer(&kind, text.into_bytes()))
}

/// Load a part of the page
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "docs_file",
    tag = "gateway",
    security(()),
    params(("file" = String, Path, description = "Such as `swagger-ui.css`.", example = "swagger-ui.css")),
    responses((status = 200, description = "The part.", content_type = "*/*"), PageErrors)
)]
pub(crate) async fn part(Path(name): Path<String>) -> Result<Response, ApiError> {
    let (kind, bytes) = file(&name)?;
    Ok(answer(&kind, bytes))
}

fn answer(kind: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, ONLY_OURS),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, KEPT),
    ];
    (headers, bytes).into_response()
}

/// A file of the page, and what it is.
fn file(name: &str) -> Result<(String, Vec<u8>), ApiError> {
    let found = serve(name, Arc::clone(&CONFIG));
    match found.map_err(|error| ApiError::new(Code::Internal, format!("/docs/{name}: {error}")))? {
        Some(file) => Ok((file.content_type, file.bytes.into_owned())),
        None => Err(ApiError::new(
            Code::NotFound,
            format!("/docs has no part {name:?}"),
        )),
    }
}
