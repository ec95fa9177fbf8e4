//! Which sandboxes E2B's clients see: those that run, and those that are paused. In their API there are no others.

use roost_domain::fleet::View;
use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::SandboxId;

use crate::describe;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

impl Gateway {
    /// A sandbox as it is now, in whatever phase.
    pub(super) async fn known(&self, id: &SandboxId) -> Result<View<Sandbox>, ApiError> {
        self.locate(id).await?;
        let view = self
            .fleet()
            .read(|fleet| fleet.sandbox(self.tenant(), id).cloned());
        view.ok_or_else(|| ApiError::no_sandbox(id))
    }

    /// A sandbox that runs or is paused. One that has ended, or is ending, is not found.
    pub(super) async fn visible(&self, id: &SandboxId) -> Result<View<Sandbox>, ApiError> {
        let view = self.known(id).await?;
        match view.state.phase {
            phase if phase.is_end() || phase == Phase::Stopping => {
                Err(ApiError::new(Code::NotFound, describe::end(id, &view.state)))
            }
            Phase::Running | Phase::Pausing | Phase::Paused | Phase::Resuming => Ok(view),
            phase => Err(ApiError::new(
                Code::InvalidState,
                format!("sandbox {id} is {}: wait until it runs", phase.as_str()),
            )),
        }
    }

    /// A sandbox that runs.
    pub(super) async fn seen(&self, id: &SandboxId) -> Result<View<Sandbox>, ApiError> {
        let view = self.visible(id).await?;
        match view.state.phase {
            Phase::Running => Ok(view),
            phase => Err(ApiError::new(
                Code::InvalidState,
                format!(
                    "sandbox {id} is {}: POST /v2/sandboxes/{id}/connect lets it run again",
                    phase.as_str()
                ),
            )),
        }
    }

    /// `error`, or "not found" if the sandbox that a command was for has ended meanwhile.
    pub(super) async fn ended_meanwhile(&self, id: &SandboxId, error: ApiError) -> ApiError {
        if !matches!(error.code, Code::InvalidState | Code::SandboxEnded) {
            return error;
        }
        match self.seen(id).await {
            Err(ended) if ended.code == Code::NotFound => ended,
            _ => error,
        }
    }
}
