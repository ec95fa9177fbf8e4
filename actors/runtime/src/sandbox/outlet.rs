//! One program's place in the `OUTPUT` stream.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::sandbox::ProcessEnd;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::{Frame, MAX_KEPT};
use roost_schemas::subject::OutputSubject;
use roost_schemas::{ProcessId, SandboxId, Sequence, TenantId};

use crate::host::Context;

/// How long and how often an output stream that does not answer is asked again.
const RETRY: (Duration, u32) = (Duration::from_millis(250), 120);
/// The number of the last frame, however few came before: so it can be published by who never saw them. Beyond all of
/// theirs, which are numbered by the bytes that are kept of two streams.
const END: u64 = 2 * MAX_KEPT;

/// Where a program's frames go.
pub(crate) struct Outlet {
    context: Arc<Context>,
    subject: OutputSubject,
}

impl Outlet {
    pub(crate) fn new(
        context: Arc<Context>,
        tenant: TenantId,
        sandbox: SandboxId,
        process: ProcessId,
    ) -> Self {
        let subject = OutputSubject {
            tenant,
            sandbox,
            process,
        };
        Self { context, subject }
    }

    /// Publishes a frame; the guest waits meanwhile, so a slow stream costs no memory.
    pub(crate) async fn publish(&self, number: u64, frame: &Frame) {
        let (pause, tries) = RETRY;
        for _ in 0..tries {
            match self.context.output.publish(&self.subject, number, frame).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(output = %self.subject, number, %error, "output has to wait"),
            }
            tokio::time::sleep(pause).await;
        }
        tracing::error!(output = %self.subject, number, "a frame of output is given up; its reader sees the gap");
    }

    /// What an earlier life has published; nothing, if the stream does not answer in all the time it is given.
    pub(crate) async fn stored(&self) -> Vec<Frame> {
        let (pause, tries) = RETRY;
        for _ in 0..tries {
            match self.context.output.stored(&self.subject).await {
                Ok(frames) => return frames,
                Err(error) => {
                    tracing::warn!(output = %self.subject, %error, "what is there is not known yet");
                }
            }
            tokio::time::sleep(pause).await;
        }
        tracing::error!(output = %self.subject, "what is there is not known; its reader may see some of it twice");
        Vec::new()
    }

    /// Publishes the last frame, of an end that the log tells of at `sequence`.
    pub(crate) async fn end(&self, end: ProcessEnd, sequence: Sequence) {
        let ProcessEnd {
            process: _,
            status,
            duration_ms,
            stdout_bytes,
            stderr_bytes,
        } = end;
        let frame = Frame::End {
            status,
            duration_ms,
            stdout_bytes,
            stderr_bytes,
            sequence,
        };
        self.publish(END, &frame).await;
    }
}

/// What is known of the end of a program that nobody followed.
pub(crate) fn unknown(process: ProcessId, reason: &str) -> ProcessEnd {
    ProcessEnd {
        process,
        status: ExitStatus::Unknown {
            reason: reason.to_owned(),
        },
        duration_ms: 0,
        stdout_bytes: 0,
        stderr_bytes: 0,
    }
}

/// Ends the output of `programs`, which nobody carries, and whose end the log tells of at `sequence`.
pub(crate) fn close(
    context: &Arc<Context>,
    tenant: &TenantId,
    sandbox: &SandboxId,
    programs: impl IntoIterator<Item = ProcessId>,
    sequence: Sequence,
) {
    for process in programs {
        let context = Arc::clone(context);
        let outlet = Outlet::new(context, tenant.clone(), sandbox.clone(), process.clone());
        let end = unknown(process, "the sandbox ended");
        tokio::spawn(async move { outlet.end(end, sequence).await });
    }
}
