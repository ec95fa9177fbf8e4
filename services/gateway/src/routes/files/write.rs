//! `POST /v1/sandboxes/{id}/files/write`: write files, in one body of many parts.

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};

use super::FileQuery;
use crate::error::{ApiError, Code, FileErrors};
use crate::extract::{Id, Pairs};
use crate::guest::{Context, Wanted};
use crate::state::Gateway;

/// Write files
///
/// Each part named `file` is one; its `filename` is the path, or the query's `path` if there is one part only. Folders on
/// the way are made. Of any size: the body streams through. Not a command, so it has no `Roost-Sequence`.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/files/write",
    operation_id = "write_files",
    tag = "files",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("path" = Option<String>, Query, description = "The path of the only file; absent: each part's `filename`."),
        ("user" = Option<String>, Query, description = "As whom, and whose they become; absent: the template's default user."),
    ),
    request_body(content = String, content_type = "multipart/form-data", description = "The files."),
    responses((status = 204, description = "They are written."), FileErrors)
)]
pub(crate) async fn write(
    gateway: Gateway,
    Id(id): Id,
    pairs: Pairs,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let query = FileQuery::read(pairs)?;
    let declared = request.headers().get(header::CONTENT_TYPE);
    let declared = declared.and_then(|value| value.to_str().ok()).unwrap_or("absent");
    if !declared.to_ascii_lowercase().starts_with("multipart/form-data") {
        let message =
            format!("Content-Type is {declared}: send multipart/form-data, or use files/stream/write");
        return Err(ApiError::new(Code::UnsupportedMediaType, message));
    }
    let wanted = Wanted {
        path: query.path.as_deref(),
        user: query.user.as_deref(),
    };
    let (parts, body) = request.into_parts();
    let agent = gateway.agent(&id).await?;
    agent
        .files(Context::files(&id), Method::POST, wanted, &parts.headers, body)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
