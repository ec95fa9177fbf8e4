//! `POST /v1/sandboxes/{id}/files/read`: read one file.

use axum::body::Body;
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use crate::dto::file::PathRequest;
use crate::error::{ApiError, FileErrors};
use crate::extract::{Body as Json, Id};
use crate::guest::{Context, Wanted};
use crate::state::Gateway;

/// Read a file
///
/// Of any size: the content streams through.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/read",
    operation_id = "read_file",
    tag = "files",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = PathRequest,
    responses(
        (status = 200, description = "The content.", body = String, content_type = "*/*"),
        FileErrors,
    )
)]
pub(crate) async fn read(
    gateway: Gateway,
    Id(id): Id,
    Json(PathRequest { path, user }): Json<PathRequest>,
) -> Result<Response, ApiError> {
    let wanted = Wanted {
        path: Some(&path),
        user: user.as_deref(),
    };
    let agent = gateway.agent(&id).await?;
    agent
        .files(
            Context::files(&id),
            Method::GET,
            wanted,
            &HeaderMap::new(),
            Body::empty(),
        )
        .await
}
