//! `POST /v1/sandboxes/{id}/processes/{process}/signal`: end a program.

use axum::http::StatusCode;

use crate::dto::process::SendSignal;
use crate::error::{ApiError, ProcessErrors};
use crate::extract::{Body, InSandbox};
use crate::guest::Act;
use crate::state::Gateway;

/// Send a program a signal
///
/// Whether it ends by it, and when, is told in the events.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/processes/{process}/signal",
    operation_id = "send_signal",
    tag = "processes",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("process" = String, Path, description = "The program's id; or its number in the guest, in digits."),
    ),
    request_body = SendSignal,
    responses((status = 204, description = "It was sent."), ProcessErrors)
)]
pub(crate) async fn signal(
    gateway: Gateway,
    InSandbox { id, program }: InSandbox,
    Body(SendSignal { signal }): Body<SendSignal>,
) -> Result<StatusCode, ApiError> {
    gateway.act(&id, &program, &Act::Signal(signal.into())).await?;
    Ok(StatusCode::NO_CONTENT)
}
