//! Finding the VM that an earlier life of this host started, or giving it up: who waits for a sandbox is told soon.
//!
//! ```text
//!   looked for ─▶ there ─▶ its engine answers ─▶ made to run, if it stood still over a snapshot ─▶ Attached
//!      │            └─ it has ended, is silent, or does not run on ────────────────────────────▶ Gone
//!      ├─ not there ──────────────────────────────────────────────────────────────────────────▶ Gone
//!      └─ it cannot be told: a few times more, then ──────────────────────────────────────────▶ Gone
//! ```
//!
//! A closed fence is no silence: engines behind it are not asked.

use std::sync::Arc;

use roost_schemas::event::Cause;

use super::{BACKOFF, Task};
use crate::host::Context;
use crate::port::{Fault, Vm};
use crate::sandbox::{Report, step};

/// How often it is looked for a VM of which nothing can be told, a [`BACKOFF`] apart.
const TRIES: u32 = 5;

/// Why a VM that is there cannot be attached to.
enum Obstacle {
    /// It is of no use any more.
    Gone(Cause),
    /// It cannot be told yet.
    Unknown(Fault),
}

impl Obstacle {
    /// An engine that was asked and is silent will not do for its guest either.
    fn of(fault: Fault) -> Self {
        if fault.timed_out {
            return Self::Gone(fault.into());
        }
        Self::Unknown(fault)
    }
}

impl Task {
    pub(super) async fn attach(&self) -> Report {
        let generation = self.owner.generation;
        for left in (0..TRIES).rev() {
            match self.attached().await {
                Ok(vm) => return Report::Attached { generation, vm },
                Err(Obstacle::Gone(cause)) => return Report::Gone { generation, cause },
                Err(Obstacle::Unknown(fault)) if left == 0 => {
                    let cause = fault.into();
                    return Report::Gone { generation, cause };
                }
                Err(Obstacle::Unknown(fault)) => {
                    tracing::warn!(owner = %self.owner, %fault, left, "cannot tell whether the VM still runs");
                }
            }
            let waited = self.cancel.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
            if waited.is_none() {
                break;
            }
        }
        // Whatever is wanted instead finds the VM itself.
        Report::Stuck { generation }
    }

    async fn attached(&self) -> Result<Arc<dyn Vm>, Obstacle> {
        let vm = self.adopt().await.map_err(Obstacle::of)?;
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
        if !stands.map_err(Obstacle::of)? && step::untaken(&self.sandbox).is_none() {
            return Ok(());
        }
        self.let_run(vm).await.map_err(Obstacle::Gone)
    }
}
