//! Letting the slot carry out the network policy.

use super::Task;
use crate::sandbox::Report;

impl Task {
    pub(super) async fn apply(&self) -> Report {
        let generation = self.owner.generation;
        let policy = self.sandbox.network.clone();
        match self.context.slots.apply(&self.owner, &policy).await {
            Ok(()) => Report::Applied { generation, policy },
            Err(fault) => {
                tracing::error!(owner = %self.owner, %fault, "the network policy is not carried out yet; it is tried again");
                self.stuck().await
            }
        }
    }
}
