//! Changing what a sandbox may reach.

use roost_schemas::command::{SandboxCommand, SetNetwork};
use roost_schemas::event::SandboxEvent;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{SandboxId, Sequence};

use crate::error::ApiError;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Gives a running sandbox another network policy. The place in the log at which that stands.
    pub(crate) async fn set_network(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        policy: NetworkPolicy,
    ) -> Result<Sequence, ApiError> {
        let command = SandboxCommand::SetNetwork(SetNetwork {
            policy: policy.clone(),
        });
        self.execute(id, key, &command, |commit| {
            commit
                .events
                .iter()
                .any(|event| matches!(event, SandboxEvent::NetworkSet(set) if set.policy == policy))
        })
        .await
    }
}
