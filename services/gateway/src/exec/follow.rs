//! Following a program's output to its end, whatever its sandbox does meanwhile.

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use roost_domain::sandbox::Phase;
use roost_journal::port::{OutputError, OutputFrames};
use roost_schemas::event::{ProcessExited, SandboxEvent};
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;
use roost_schemas::{ProcessId, SandboxId, Sequence};
use tokio::time::{Instant, sleep_until};

use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// How often a broken output stream is opened anew.
const REOPENINGS: u32 = 3;

/// A program's frames, the last of them [`Frame::End`]. Those before it may come again, or be missing: they tell where
/// they belong.
pub(crate) struct Follow {
    gateway: Gateway,
    subject: OutputSubject,
    admitted: Sequence,
    patience: Duration,
    frames: Option<OutputFrames>,
    reopenings: u32,
    /// The log tells of the end before the last frame does. If that frame never comes, the log must do.
    ended: Option<BoxFuture<'static, Result<Option<()>, ApiError>>>,
    last_frame_by: Option<Instant>,
}

impl Follow {
    /// Of `process`, which was admitted at `admitted`; it fails unless that ends within `patience`.
    pub(crate) fn new(
        gateway: &Gateway,
        sandbox: &SandboxId,
        process: &ProcessId,
        admitted: Sequence,
        patience: Duration,
    ) -> Self {
        let subject = OutputSubject {
            tenant: gateway.tenant().clone(),
            sandbox: sandbox.clone(),
            process: process.clone(),
        };
        let ended = ended(gateway.clone(), subject.clone(), admitted, patience);
        Self {
            gateway: gateway.clone(),
            subject,
            admitted,
            patience,
            frames: None,
            reopenings: 0,
            ended: Some(Box::pin(ended)),
            last_frame_by: None,
        }
    }

    /// The next frame. Nothing is lost when the wait for it is given up.
    pub(crate) async fn next(&mut self) -> Result<Frame, ApiError> {
        loop {
            let frames = if let Some(frames) = &mut self.frames {
                frames
            } else {
                // From the beginning, also again: the reader passes over what it has.
                let opened = self.gateway.ports().output.follow(&self.subject).await?;
                self.frames.insert(opened)
            };
            let last_frame_by = self.last_frame_by;
            let deadline = async move {
                match last_frame_by {
                    Some(by) => sleep_until(by).await,
                    None => std::future::pending().await,
                }
            };
            let ended = async {
                match &mut self.ended {
                    Some(ended) => ended.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                frame = frames.next() => match frame {
                    Some(Ok(frame)) => return Ok(frame),
                    broken => self.broke(broken)?,
                },
                ended = ended => {
                    self.ended = None;
                    match ended? {
                        Some(()) => self.last_frame_by = Some(Instant::now() + self.gateway.limits().last_frame),
                        None => return Err(self.unfinished()),
                    }
                }
                () = deadline => return from_log(&self.gateway, &self.subject, self.admitted).await,
            }
        }
    }

    /// Lets the stream be opened again, a few times.
    fn broke(&mut self, broken: Option<Result<Frame, OutputError>>) -> Result<(), ApiError> {
        let error = match broken {
            Some(Err(error @ OutputError::Foreign { .. })) => return Err(error.into()),
            Some(Err(error)) => error,
            _ => OutputError::Unavailable {
                action: "tell a program's end",
                detail: "it ended early".to_owned(),
            },
        };
        self.frames = None;
        self.reopenings += 1;
        if self.reopenings > REOPENINGS {
            return Err(error.into());
        }
        tracing::info!(subject = %self.subject, %error, "reading output anew");
        Ok(())
    }

    fn unfinished(&self) -> ApiError {
        let OutputSubject { sandbox, process, .. } = &self.subject;
        let stands_still = self.gateway.fleet().read(|fleet| {
            let view = fleet.sandbox(&self.subject.tenant, sandbox);
            view.is_some_and(|view| {
                matches!(view.state.phase, Phase::Pausing | Phase::Paused | Phase::Resuming)
            })
        });
        let why = if stands_still {
            "because the sandbox is paused; it goes on when that is resumed, and GET .../exec/stream?process= follows it"
        } else {
            "though its host should have killed it; see the sandbox's events"
        };
        let message = format!(
            "process {process} of sandbox {sandbox} has not ended within {:?}, {why}",
            self.patience
        );
        ApiError::new(Code::DeadlineExceeded, message)
    }
}

/// Waits until the log tells of the program's end; nothing after `patience`.
async fn ended(
    gateway: Gateway,
    subject: OutputSubject,
    admitted: Sequence,
    patience: Duration,
) -> Result<Option<()>, ApiError> {
    gateway
        .until(patience, |fleet| {
            let view = fleet.sandbox(&subject.tenant, &subject.sandbox)?;
            let runs = view.state.processes.contains_key(&subject.process);
            (view.sequence >= admitted && !runs).then_some(())
        })
        .await
}

/// The end as the log has it.
async fn from_log(gateway: &Gateway, subject: &OutputSubject, admitted: Sequence) -> Result<Frame, ApiError> {
    let OutputSubject { sandbox, process, .. } = subject;
    let found = gateway.walk(sandbox, admitted, |sequence, commit| {
        commit.events.iter().find_map(|event| match event {
            SandboxEvent::ProcessExited(exited) if exited.process == *process => {
                Some(end(exited.clone(), sequence))
            }
            _ => None,
        })
    });
    found.await?.ok_or_else(|| {
        let message = format!("the log does not tell how process {process} of sandbox {sandbox} ended");
        ApiError::new(Code::ProcessLost, message)
    })
}

fn end(exited: ProcessExited, sequence: Sequence) -> Frame {
    let ProcessExited {
        process: _,
        status,
        duration_ms,
        stdout_bytes,
        stderr_bytes,
    } = exited;
    Frame::End {
        status,
        duration_ms,
        stdout_bytes,
        stderr_bytes,
        sequence,
    }
}
