//! Ending a sandbox: the command, and the wait until its host holds nothing of it.

use roost_domain::fleet::Fleet;
use roost_schemas::command::{Kill, SandboxCommand};
use roost_schemas::event::{SandboxEvent, StopReason};
use roost_schemas::{SandboxId, Sequence};

use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Ends a sandbox, unless it has ended. The place of its end in the log.
    pub(crate) async fn end(&self, id: &SandboxId, key: &CommandKey) -> Result<Sequence, ApiError> {
        let ended = |fleet: &Fleet| ended(fleet, self, id);
        let kill = SandboxCommand::Kill(Kill {
            reason: StopReason::Requested,
            due: None,
        });
        self.reach(Sequence::default()).await?;
        if self.fleet().read(ended).is_none() {
            self.execute(id, key, &kill, |commit| {
                commit
                    .events
                    .iter()
                    .any(|event| matches!(event, SandboxEvent::Stopping(_)))
            })
            .await?;
        }
        let end = self.until(self.limits().delete, ended).await?;
        end.ok_or_else(|| late(self, id))
    }
}

fn ended(fleet: &Fleet, gateway: &Gateway, id: &SandboxId) -> Option<Sequence> {
    let view = fleet.sandbox(gateway.tenant(), id)?;
    view.state.phase.is_end().then_some(view.sequence)
}

fn late(gateway: &Gateway, id: &SandboxId) -> ApiError {
    let patience = gateway.limits().delete;
    let message = format!(
        "sandbox {id} is stopping, but its host has not released it within {patience:?}: check that roost-host runs; repeat the request to wait on"
    );
    ApiError::new(Code::DeadlineExceeded, message)
}
