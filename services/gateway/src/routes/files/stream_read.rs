//! `GET /v1/sandboxes/{id}/files/stream/read`: read one file, or a part of it.

use axum::body::Body;
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::FileQuery;
use crate::error::{ApiError, FileErrors};
use crate::extract::{Id, Pairs};
use crate::guest::{Context, Wanted};
use crate::state::Gateway;

/// Read a file or a part of it
///
/// Takes `Range`, `If-Range`, `If-Modified-Since` and `Accept-Encoding`. Of any size: the content streams through.
#[utoipa::path(
    get,
    path = "/v1/sandboxes/{id}/files/stream/read",
    operation_id = "read_file_stream",
    tag = "files",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("path" = String, Query, description = "Absolute, or below the user's home."),
        ("user" = Option<String>, Query, description = "As whom; absent: the template's default user."),
    ),
    responses(
        (status = 200, description = "The content.", body = String, content_type = "*/*"),
        (status = 206, description = "The part that was asked for.", body = String, content_type = "*/*"),
        (status = 304, description = "It has not changed."),
        FileErrors,
    )
)]
pub(crate) async fn stream_read(
    gateway: Gateway,
    Id(id): Id,
    method: Method,
    pairs: Pairs,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = FileQuery::read(pairs)?;
    let wanted = Wanted {
        path: Some(query.path()?),
        user: query.user.as_deref(),
    };
    let agent = gateway.agent(&id).await?;
    // HEAD comes here too, and goes on as that.
    agent
        .files(Context::files(&id), method, wanted, &headers, Body::empty())
        .await
}
