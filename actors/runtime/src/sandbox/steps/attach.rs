//! Finding the VM that an earlier life of this host started.

use std::sync::Arc;

use futures::FutureExt;
use roost_schemas::event::Cause;

use super::Task;
use crate::host::Context;
use crate::port::{Fault, Vm};
use crate::sandbox::{Report, step};

impl Task {
    pub(super) async fn attach(&self) -> Report {
        let generation = self.owner.generation;
        match self.adopt().await {
            Ok(Some(vm)) => match self.let_go().await {
                Ok(()) => Report::Attached { generation, vm },
                Err(fault) => {
                    // How it ended, if it has, tells more than what could not be done with it.
                    let cause = vm.exited().now_or_never().unwrap_or_else(|| fault.into());
                    Report::Gone { generation, cause }
                }
            },
            Ok(None) => Report::Gone {
                generation,
                cause: Cause::HostRestarted,
            },
            Err(fault) => {
                tracing::warn!(owner = %self.owner, %fault, "cannot tell whether the VM still runs");
                self.stuck().await
            }
        }
    }

    async fn adopt(&self) -> Result<Option<Arc<dyn Vm>>, Fault> {
        let Context {
            slots, engines, edge, ..
        } = &*self.context;
        let Some(vm) = engines.adopt(&self.owner).await? else {
            return Ok(None);
        };
        if let Some(slot) = slots.find(&self.owner).await? {
            edge.open(&self.owner, slot.address);
        }
        Ok(Some(vm))
    }

    /// Lets a VM run on that an earlier life left standing still over a snapshot; its guest may be at rest although its
    /// vCPUs run.
    async fn let_go(&self) -> Result<(), Fault> {
        let stands = self.context.engines.is_paused(&self.owner).await?;
        if !stands && step::untaken(&self.sandbox).is_none() {
            return Ok(());
        }
        self.let_run().await
    }
}
