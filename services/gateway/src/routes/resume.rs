//! `POST /v1/sandboxes/{id}/resume`: let a paused sandbox run again, and answer when it does.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::dto::resume::ResumeRequest;
use crate::dto::sandbox::Sandbox;
use crate::error::{ApiError, ResumeErrors};
use crate::extract::{Id, OptionalBody};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Resume a sandbox
///
/// Its programs go on where they were. Answers when its guest does; at once, if it runs already. The body may be left out.
/// If it cannot be resumed it stays paused as it was, and the error says why.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/resume",
    operation_id = "resume_sandbox",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Option<ResumeRequest>,
    responses((status = 200, description = "It runs.", body = Sandbox), ResumeErrors)
)]
pub(crate) async fn resume(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(ResumeRequest { timeout_sec }): OptionalBody<ResumeRequest>,
) -> Result<Response, ApiError> {
    let sequence = gateway.resume(&id, &key, timeout_sec).await?;
    Ok(answer(
        StatusCode::OK,
        sequence,
        gateway.view_then(&id, sequence).await?,
    ))
}
