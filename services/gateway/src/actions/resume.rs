//! Resuming a sandbox: the command, and the wait until its guest answers.

use roost_domain::sandbox::Phase;
use roost_schemas::command::{Resume, SandboxCommand};
use roost_schemas::event::SandboxEvent;
use roost_schemas::{SandboxId, Sequence};

use crate::error::{ApiError, Code};
use crate::history::Words;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Lets a paused sandbox run again, unless it runs. `timeout_sec` from then on; absent: as many as at its creation.
    /// The place in the log at which it runs.
    pub(crate) async fn resume(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        timeout_sec: Option<u32>,
    ) -> Result<Sequence, ApiError> {
        let resume = SandboxCommand::Resume(Resume { timeout_sec });
        let asked = self
            .execute(id, key, &resume, |commit| {
                commit.events.iter().any(|event| match event {
                    SandboxEvent::Resuming(resuming) => {
                        timeout_sec.is_none_or(|asked| asked == resuming.timeout_sec)
                    }
                    _ => false,
                })
            })
            .await?;
        self.resumed(id, asked).await
    }

    /// Waits for the end of a resume that has begun at `asked`, or before.
    pub(crate) async fn resumed(&self, id: &SandboxId, asked: Sequence) -> Result<Sequence, ApiError> {
        if self.then(id, asked).await?.state.phase == Phase::Running {
            return Ok(asked);
        }
        let words = Words {
            code: Code::ResumeFailed,
            failed: format!("sandbox {id} could not be resumed, and is paused as before"),
            late: (
                format!("sandbox {id} does not run"),
                format!("and may still come to: GET /v1/sandboxes/{id} tells"),
            ),
        };
        self.follows(id, asked, self.limits().resume, &words, |event| match event {
            // Who is being paused was running.
            SandboxEvent::Running(_) | SandboxEvent::Pausing(_) => Some(Ok(())),
            SandboxEvent::ResumeFailed(failed) => Some(Err(&failed.cause)),
            _ => None,
        })
        .await
    }
}
