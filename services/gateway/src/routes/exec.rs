//! `POST /v1/sandboxes/{id}/exec`: run a program to its end, and answer with what it wrote.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use roost_schemas::command::Exec;
use roost_schemas::event::ExitStatus;
use roost_schemas::{ProcessId, SandboxId};

use super::answer;
use crate::describe;
use crate::dto::exec::{ExecRequest, ExecResult, ExecStarted, SIGNALED, TIMED_OUT};
use crate::error::{ApiError, Code, ExecErrors};
use crate::exec::{Finished, Follow, collect, held, render};
use crate::extract::{Body, Id};
use crate::idempotency::CommandKey;
use crate::sequence::SEQUENCE;
use crate::state::Gateway;

/// Run a program
///
/// Answers when it has ended, or with `background` as soon as it is admitted. Of each of its streams the first 8 MiB are
/// told. A client that goes away does not end the program: repeated under the same `Idempotency-Key`, the request answers
/// with the same run's output, also if it was begun in the background.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/exec",
    operation_id = "exec",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = ExecRequest,
    responses(
        (status = 200, description = "It has ended.", body = ExecResult),
        (status = 202, description = "It was admitted, and goes on in the background.", body = ExecStarted),
        ExecErrors,
    )
)]
pub(crate) async fn exec(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(request): Body<ExecRequest>,
) -> Result<Response, ApiError> {
    let background = request.background;
    let exec = Exec::from(request);
    if background {
        let (process, admitted) = gateway.exec(&id, &key, &exec).await?;
        let started = ExecStarted {
            process_id: process.to_string(),
            sequence: admitted.0,
        };
        return Ok(answer(StatusCode::ACCEPTED, admitted, started));
    }
    let claim = Arc::clone(gateway.execs()).try_acquire_owned().map_err(|_| {
        let message = format!(
            "{} programs are awaited already; try again",
            gateway.limits().execs
        );
        ApiError::new(Code::NoCapacity, message)
    })?;
    let (process, admitted) = gateway.exec(&id, &key, &exec).await?;
    let patience = gateway.patience(exec.timeout_sec);
    let program = Follow::new(&gateway, &id, &process, admitted, patience);
    let mut finished = collect(&gateway, program).await?;

    let (sequence, memory) = (finished.sequence, finished.output.take_permit());
    let result = conclude(&gateway, &id, &process, exec.cmd, finished)?;
    let body =
        serde_json::to_vec(&result).map_err(|error| ApiError::new(Code::Internal, error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_LENGTH, body.len().into()),
    ];
    let body = held(Bytes::from(body), (claim, memory));
    Ok((StatusCode::OK, [(SEQUENCE, sequence.to_string())], headers, body).into_response())
}

fn conclude(
    gateway: &Gateway,
    id: &SandboxId,
    process: &ProcessId,
    cmd: String,
    finished: Finished,
) -> Result<ExecResult, ApiError> {
    let (exit_code, signal) = match finished.status {
        ExitStatus::Exited { code } => (code, None),
        ExitStatus::Signaled { signal } => (SIGNALED.saturating_add(signal), Some(signal)),
        ExitStatus::TimedOut => (TIMED_OUT, None),
        ExitStatus::NotStarted { reason } => {
            let message = format!(
                "{cmd:?} could not be started in sandbox {id}: {reason}; check that it exists there and may be run, and its cwd and user"
            );
            return Err(ApiError::new(Code::CommandNotStarted, message));
        }
        ExitStatus::Unknown { reason } => return Err(unknown(gateway, id, process, &reason)),
    };
    let timed_out = finished.status == ExitStatus::TimedOut;
    let (stdout, stderr) = (finished.output.stdout, finished.output.stderr);
    let truncated = stdout.is_cut() || stderr.is_cut();
    let (stdout_bytes, stderr_bytes) = (stdout.written, stderr.written);
    let (stdout, stderr, encoding) = render(stdout, stderr);
    Ok(ExecResult {
        sandbox_id: id.to_string(),
        process_id: process.to_string(),
        cmd,
        stdout,
        stderr,
        encoding,
        truncated,
        stdout_bytes,
        stderr_bytes,
        exit_code,
        signal,
        timed_out,
        duration_ms: finished.duration_ms,
    })
}

/// Of a program whose end nobody saw: mostly because its sandbox ended first.
fn unknown(gateway: &Gateway, id: &SandboxId, process: &ProcessId, reason: &str) -> ApiError {
    let ended = gateway.fleet().read(|fleet| {
        let state = &fleet.sandbox(gateway.tenant(), id)?.state;
        state.phase.is_end().then(|| describe::end(id, state))
    });
    if let Some(end) = ended {
        return ApiError::new(
            Code::SandboxEnded,
            format!("process {process} did not end by itself: {end}"),
        );
    }
    ApiError::new(
        Code::ProcessLost,
        format!("nobody knows how process {process} of sandbox {id} ended: {reason}"),
    )
}
