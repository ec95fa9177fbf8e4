//! `GET /v1/sandboxes/{id}/exec/stream`: run a program, or follow one, over a WebSocket.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use roost_schemas::{ProcessId, SandboxId};

use crate::dto::stream::{StreamMessage, StreamRequest};
use crate::error::{ApiError, Code, StreamErrors};
use crate::extract::{Id, Pairs, number, unknown};
use crate::idempotency::CommandKey;
use crate::state::Gateway;
use crate::stream::{Attached, Begin, CUT_AT, Cursor, serve};

/// Run a program over a WebSocket
///
/// Messages are JSON texts: a `StreamRequest` from the client, a `StreamMessage` from the server. The client's first says
/// what to run, under the `Idempotency-Key` of the request if there is one; or the query names a program that was begun
/// before, and up to where the client has read it. Who follows a program from its start misses nothing. For those who come
/// later the first 8 MiB of each of its streams are kept a while, and the latest as long as it runs; what is missing is
/// told. The program outlives the socket.
#[utoipa::path(
    get,
    path = "/v1/sandboxes/{id}/exec/stream",
    operation_id = "exec_stream",
    tag = "processes",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("process" = Option<String>, Query, description = "The program to follow; absent: the first message says what to run."),
        ("stdout" = Option<u64>, Query, description = "The first byte of standard output wanted; 0 if absent."),
        ("stderr" = Option<u64>, Query, description = "The first byte of standard error wanted; 0 if absent."),
        ("pty" = Option<u64>, Query, description = "The first byte of the terminal's output wanted; 0 if absent."),
    ),
    request_body(content = StreamRequest, description = "What the client's messages are."),
    responses(
        (status = 101, description = "The connection is a WebSocket now; what the server's messages are.", body = StreamMessage),
        StreamErrors,
    )
)]
pub(crate) async fn stream(
    gateway: Gateway,
    Id(id): Id,
    Pairs(pairs): Pairs,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|rejection| {
        let words = rejection.body_text();
        ApiError::invalid(format!("this route takes a WebSocket's upgrade only: {words}"))
    })?;
    let claim = Arc::clone(gateway.streams()).try_acquire_owned().map_err(|_| {
        let message = format!("{} streams are open already; try again", gateway.limits().streams);
        ApiError::new(Code::NoCapacity, message)
    })?;
    let (mut process, mut cursor) = (None, Cursor::default());
    for (name, value) in pairs {
        let offset = |value: &str| number(&name, value, 0..=u64::MAX);
        match name.as_str() {
            "process" => {
                let id = ProcessId::new(&value);
                process = Some(id.map_err(|error| ApiError::invalid(format!("query process: {error}")))?);
            }
            "stdout" => cursor.stdout = offset(&value)?,
            "stderr" => cursor.stderr = offset(&value)?,
            "pty" => cursor.pty = offset(&value)?,
            _ => return Err(unknown(&name, "process, stdout, stderr or pty")),
        }
    }
    gateway.locate(&id).await?;
    let begin = match process {
        Some(process) => Begin::Attach(attach(&gateway, &id, process, cursor).await?),
        None if cursor != Cursor::default() => {
            return Err(ApiError::invalid("an offset goes with the process that it is of"));
        }
        None => Begin::Start(CommandKey::of(&headers)?),
    };
    let upgrade = upgrade.max_message_size(CUT_AT).max_frame_size(CUT_AT);
    Ok(upgrade.on_upgrade(|socket| async move {
        serve(gateway, id, socket, begin).await;
        drop(claim);
    }))
}

/// The program that a query names, if its output is kept.
async fn attach(
    gateway: &Gateway,
    id: &SandboxId,
    process: ProcessId,
    cursor: Cursor,
) -> Result<Attached, ApiError> {
    let Some((admitted, started)) = gateway.started(id, &process).await? else {
        let message =
            format!("sandbox {id} never had a process {process}; GET /v1/sandboxes/{id}/events lists them");
        return Err(ApiError::new(Code::NotFound, message));
    };
    let Some(timeout_sec) = started.timeout_sec.filter(|_| started.origin.is_command()) else {
        return Err(ApiError::invalid(format!(
            "process {process} was started through the sandbox's agent, which alone has its output: follow it there"
        )));
    };
    Ok(Attached {
        process,
        admitted,
        timeout_sec,
        pty: started.pty,
        cursor,
    })
}
