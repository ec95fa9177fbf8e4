//! Pausing a sandbox: the command, and the wait until it is sealed.

use roost_domain::sandbox::Phase;
use roost_schemas::command::{Pause, SandboxCommand};
use roost_schemas::event::SandboxEvent;
use roost_schemas::{SandboxId, Sequence};

use crate::error::{ApiError, Code};
use crate::history::Words;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Pauses a running sandbox, unless it is paused. The place in the log at which it is.
    pub(crate) async fn pause(&self, id: &SandboxId, key: &CommandKey) -> Result<Sequence, ApiError> {
        let pause = SandboxCommand::Pause(Pause::default());
        let asked = self.execute(id, key, &pause, is_pause).await?;
        self.paused(id, asked).await
    }

    /// Waits for the end of a pause that has begun at `asked`, or before.
    pub(crate) async fn paused(&self, id: &SandboxId, asked: Sequence) -> Result<Sequence, ApiError> {
        if self.then(id, asked).await?.state.phase == Phase::Paused {
            return Ok(asked);
        }
        let words = Words {
            code: Code::PauseFailed,
            failed: format!("sandbox {id} could not be paused, and runs on"),
            late: (
                format!("sandbox {id} is not paused"),
                format!("and may still come to be: GET /v1/sandboxes/{id} tells"),
            ),
        };
        self.follows(id, asked, self.limits().seal, &words, |event| match event {
            // Who is being resumed was paused.
            SandboxEvent::Paused(_) | SandboxEvent::Resuming(_) => Some(Ok(())),
            SandboxEvent::PauseFailed(failed) => Some(Err(&failed.cause)),
            // It is paused, but as what it was before.
            SandboxEvent::Reverted(reverted) => Some(Err(&reverted.cause)),
            _ => None,
        })
        .await
    }
}

/// Whether a commit is that of a pause.
pub(crate) fn is_pause(commit: &roost_schemas::commit::Commit<SandboxEvent>) -> bool {
    commit
        .events
        .iter()
        .any(|event| matches!(event, SandboxEvent::Pausing(_)))
}
