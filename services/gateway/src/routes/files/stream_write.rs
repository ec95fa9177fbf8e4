//! `POST /v1/sandboxes/{id}/files/stream/write`: write one file, the body being its content.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};

use super::FileQuery;
use crate::error::{ApiError, FileErrors};
use crate::extract::{Id, Pairs};
use crate::guest::{Context, Wanted};
use crate::state::Gateway;

/// Write a file
///
/// The body, of whatever type and size, is its content and streams through; with `Content-Encoding: gzip` it is unpacked.
/// Folders on the way are made. Not a command, so it has no `Roost-Sequence`.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/stream/write",
    operation_id = "write_file",
    tag = "files",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("path" = String, Query, description = "Absolute, or below the user's home."),
        ("user" = Option<String>, Query, description = "As whom, and whose it becomes; absent: the template's default user."),
    ),
    request_body(content = Option<String>, content_type = "application/octet-stream", description = "The content."),
    responses((status = 204, description = "It is written."), FileErrors)
)]
pub(crate) async fn stream_write(
    gateway: Gateway,
    Id(id): Id,
    pairs: Pairs,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let query = FileQuery::read(pairs)?;
    let wanted = Wanted {
        path: Some(query.path()?),
        user: query.user.as_deref(),
    };
    let (mut parts, body) = request.into_parts();
    // However the client calls it, it is taken as it is.
    let bytes = HeaderValue::from_static("application/octet-stream");
    parts.headers.insert(header::CONTENT_TYPE, bytes);
    let agent = gateway.agent(&id).await?;
    agent
        .files(Context::files(&id), Method::POST, wanted, &parts.headers, body)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
