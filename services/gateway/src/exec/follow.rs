//! Following a program's output to its end, whatever its sandbox does meanwhile.

use std::time::Duration;

use futures::StreamExt;
use roost_journal::port::{OutputError, OutputFrames};
use roost_schemas::commit::Commit;
use roost_schemas::event::{ExitStatus, ProcessExited, SandboxEvent};
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;
use roost_schemas::{ProcessId, SandboxId, Sequence};
use tokio::time::{Instant, sleep_until};

use super::collect::{Collected, OverBudget};
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// How often a broken output stream is opened anew.
const REOPENINGS: u32 = 3;

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) output: Collected,
    pub(crate) status: ExitStatus,
    pub(crate) duration_ms: u64,
    /// Where the log tells of its end.
    pub(crate) sequence: Sequence,
}

/// Reads the output of `process`, which was admitted at `admitted`, until its end; fails after `patience`.
pub(crate) async fn follow(
    gateway: &Gateway,
    sandbox: &SandboxId,
    process: &ProcessId,
    admitted: Sequence,
    patience: Duration,
) -> Result<Followed, ApiError> {
    let subject = OutputSubject {
        tenant: gateway.tenant().clone(),
        sandbox: sandbox.clone(),
        process: process.clone(),
    };
    let mut output = Collected::new(gateway.exec_memory().clone());
    let mut frames = gateway.ports().output.follow(&subject).await?;
    let mut reopenings = 0;
    // The log tells of the end before the last frame does. If that frame never comes, the log must do.
    let ended = gateway.until(patience, |fleet| {
        let view = fleet.sandbox(gateway.tenant(), sandbox)?;
        (view.sequence >= admitted && !view.state.processes.contains_key(process)).then_some(())
    });
    tokio::pin!(ended);
    let mut last_frame_by = None;
    loop {
        tokio::select! {
            frame = frames.next() => match frame {
                Some(Ok(Frame::Data { channel, offset, data })) => {
                    output.take(channel, offset, &data).map_err(|OverBudget| over_budget(gateway))?;
                }
                Some(Ok(Frame::End { status, duration_ms, stdout_bytes, stderr_bytes, sequence })) => {
                    output.end(stdout_bytes, stderr_bytes);
                    return Ok(Followed { output, status, duration_ms, sequence });
                }
                broken => {
                    reopenings += 1;
                    frames = reopen(gateway, &subject, broken, reopenings).await?;
                }
            },
            ended = &mut ended, if last_frame_by.is_none() => match ended? {
                Some(()) => last_frame_by = Some(Instant::now() + gateway.limits().last_frame),
                None => return Err(unfinished(sandbox, process, patience)),
            },
            () = sleep_until(last_frame_by.unwrap_or_else(Instant::now)), if last_frame_by.is_some() => {
                return from_log(gateway, sandbox, process, admitted, output).await;
            }
        }
    }
}

/// Reads from the beginning again, which is harmless: frames tell where they belong.
async fn reopen(
    gateway: &Gateway,
    subject: &OutputSubject,
    broken: Option<Result<Frame, OutputError>>,
    times: u32,
) -> Result<OutputFrames, ApiError> {
    let error = match broken {
        Some(Err(error @ OutputError::Foreign { .. })) => return Err(error.into()),
        Some(Err(error)) => error,
        _ => OutputError::Unavailable {
            action: "tell a program's end",
            detail: "it ended early".to_owned(),
        },
    };
    if times > REOPENINGS {
        return Err(error.into());
    }
    tracing::info!(%subject, %error, "reading output anew");
    Ok(gateway.ports().output.follow(subject).await?)
}

/// The end as the log has it, with the output that came.
async fn from_log(
    gateway: &Gateway,
    sandbox: &SandboxId,
    process: &ProcessId,
    admitted: Sequence,
    mut output: Collected,
) -> Result<Followed, ApiError> {
    for record in gateway
        .ports()
        .journal
        .read(&gateway.subject(sandbox), admitted)
        .await?
    {
        for event in Commit::<SandboxEvent>::decode(&record.payload)?.events {
            if let SandboxEvent::ProcessExited(ProcessExited {
                process: id,
                status,
                duration_ms,
                stdout_bytes,
                stderr_bytes,
            }) = event
                && id == *process
            {
                output.end(stdout_bytes, stderr_bytes);
                return Ok(Followed {
                    output,
                    status,
                    duration_ms,
                    sequence: record.sequence,
                });
            }
        }
    }
    let message = format!("the log does not tell how process {process} of sandbox {sandbox} ended");
    Err(ApiError::new(Code::ProcessLost, message))
}

fn over_budget(gateway: &Gateway) -> ApiError {
    let message = format!(
        "programs' output fills the {} bytes this gateway holds; the program runs on: repeat the request under its Idempotency-Key to read its output",
        gateway.limits().exec_bytes
    );
    ApiError::new(Code::Unavailable, message)
}

fn unfinished(sandbox: &SandboxId, process: &ProcessId, patience: Duration) -> ApiError {
    let message = format!(
        "process {process} of sandbox {sandbox} has not ended within {patience:?}, though its host should have killed it; see the sandbox's events"
    );
    ApiError::new(Code::DeadlineExceeded, message)
}
