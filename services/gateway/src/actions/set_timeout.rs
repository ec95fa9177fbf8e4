//! Moving a sandbox's end.

use std::time::Duration;

use roost_schemas::command::{SandboxCommand, SetTimeout};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::{SandboxId, Sequence};

use crate::error::ApiError;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Moves the end of a running sandbox. The place in the log at which that stands.
    pub(crate) async fn set_timeout(
        &self,
        id: &SandboxId,
        key: &CommandKey,
        set: SetTimeout,
    ) -> Result<Sequence, ApiError> {
        let command = SandboxCommand::SetTimeout(set);
        self.execute(id, key, &command, |commit| sets(commit, set)).await
    }
}

/// Whether `commit` moved the end as `set` asks.
fn sets(commit: &Commit<SandboxEvent>, set: SetTimeout) -> bool {
    let due = commit.at.plus(Duration::from_secs(set.timeout_sec.into()));
    commit
        .events
        .iter()
        .any(|event| matches!(event, SandboxEvent::TimeoutSet(set) if set.expires_at == due))
}
