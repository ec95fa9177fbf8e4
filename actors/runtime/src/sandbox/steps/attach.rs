//! Finding the VM that an earlier life of this host started.

use std::sync::Arc;

use roost_schemas::event::Cause;

use super::Task;
use crate::host::Context;
use crate::port::{Fault, Vm};
use crate::sandbox::{Report, step};

/// Why a VM that is there cannot be attached to.
enum Obstacle {
    /// It is of no use any more.
    Gone(Cause),
    /// It cannot be told yet.
    Unknown(Fault),
}

impl Task {
    pub(super) async fn attach(&self) -> Report {
        let generation = self.owner.generation;
        match self.attached().await {
            Ok(vm) => Report::Attached { generation, vm },
            Err(Obstacle::Gone(cause)) => Report::Gone { generation, cause },
            Err(Obstacle::Unknown(fault)) => {
                tracing::warn!(owner = %self.owner, %fault, "cannot tell whether the VM still runs");
                self.stuck().await
            }
        }
    }

    async fn attached(&self) -> Result<Arc<dyn Vm>, Obstacle> {
        let vm = self.adopt().await.map_err(Obstacle::Unknown)?;
        let vm = vm.ok_or(Obstacle::Gone(Cause::HostRestarted))?;
        // It may have ended by now: then this is how it is heard of.
        tokio::select! {
            biased;
            cause = vm.exited() => Err(Obstacle::Gone(cause)),
            moves = self.let_go(&*vm) => moves,
        }?;
        Ok(vm)
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
    async fn let_go(&self, vm: &dyn Vm) -> Result<(), Obstacle> {
        let stands = self.context.engines.is_paused(&self.owner).await;
        if !stands.map_err(Obstacle::Unknown)? && step::untaken(&self.sandbox).is_none() {
            return Ok(());
        }
        self.let_run(vm).await.map_err(Obstacle::Gone)
    }
}
