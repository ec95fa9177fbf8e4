//! `POST /v1/sandboxes/{id}/processes/{process}/stdin`: give a program input.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::StreamExt;
use roost_schemas::SandboxId;

use crate::error::{ApiError, Code, ProcessErrors};
use crate::extract::{InSandbox, Pairs, unknown};
use crate::guest::{Act, Program};
use crate::state::Gateway;

/// Give a program input
///
/// The body, however long, as it comes: a program that does not read holds it up. At a terminal it is typed.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/processes/{process}/stdin",
    operation_id = "write_stdin",
    tag = "processes",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("process" = String, Path, description = "The program's id; or its number in the guest, in digits, if it has no terminal."),
        ("close" = Option<bool>, Query, description = "Whether the input ends with this; false if absent."),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The input."),
    responses((status = 204, description = "It was written."), ProcessErrors)
)]
pub(crate) async fn stdin(
    gateway: Gateway,
    InSandbox { id, program }: InSandbox,
    Pairs(pairs): Pairs,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let mut close = false;
    for (name, value) in pairs {
        match (name.as_str(), value.as_str()) {
            ("close", "true") => close = true,
            ("close", "false") => close = false,
            ("close", other) => {
                return Err(ApiError::invalid(format!(
                    "query close is {other:?}: use true or false"
                )));
            }
            _ => return Err(unknown(&name, "close")),
        }
    }
    let input: fn(Bytes) -> Act = if has_terminal(&gateway, &id, &program).await? {
        Act::Type
    } else {
        Act::Write
    };
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let broken = |error| ApiError::invalid(format!("the body could not be read to its end: {error}"));
        let chunk = chunk.map_err(broken)?;
        // Whoever types may have begun long before the key was revoked.
        gateway.check_admitted()?;
        gateway.act(&id, &program, &input(chunk)).await?;
    }
    if close {
        gateway.act(&id, &program, &Act::Close).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What the log says, which has no pids.
async fn has_terminal(gateway: &Gateway, id: &SandboxId, program: &Program) -> Result<bool, ApiError> {
    gateway.locate(id).await?;
    let Program::Id(process) = program else {
        return Ok(false);
    };
    match gateway.started(id, process).await? {
        Some((_, started)) => Ok(started.pty),
        None => Err(ApiError::new(
            Code::NotFound,
            format!(
                "sandbox {id} never had a process {process}; GET /v1/sandboxes/{id}/processes lists those that run"
            ),
        )),
    }
}
