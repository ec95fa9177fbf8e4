//! Pausing: the sandbox is sealed; what it holds is freed when the log says so.
//!
//! ```text
//!   sealed already ──────────────────────────────────▶ Sealed
//!   VM gone ─────────────────────────────────────────▶ Gone
//!   picture ─▶ seal ─────────────────────────────────▶ Sealed
//!      ├─ parent damaged ─▶ picture that stands alone ─▶ seal ─▶ Sealed
//!      └─ failed ─▶ draft thrown away ─▶ VM runs on ──▶ PauseFailed, or Gone if it does not
//!      └─ not wanted any more: draft thrown away ─────▶ Stuck; what follows destroys the VM, or pauses it again
//! ```

use roost_schemas::SnapshotId;
use roost_schemas::event::Cause;

use super::portrait::{Marks, PICTURE, Portrait, alone};
use super::{Task, guarded};
use crate::crash;
use crate::host::Context;
use crate::observe::phase;
use crate::port::{Fault, Sealed, Vm};
use crate::sandbox::Report;

static MARKS: Marks = Marks {
    quiesced: "pause.quiesced",
    stopped: "pause.stopped",
    drafted: "pause.drafted",
    dumped: "pause.dumped",
    collected: "pause.collected",
};

impl Task {
    pub(super) async fn pause(&self) -> Report {
        crash::point("pause.begun");
        let generation = self.owner.generation;
        let Some(pausing) = &self.sandbox.pausing else {
            tracing::error!(owner = %self.owner, "the log does not say what it is to be paused as");
            return self.stuck().await;
        };
        let id = &pausing.snapshot;
        let Context {
            engines, snapshots, ..
        } = &*self.context;
        // An earlier life may have come as far as this, and further.
        let found = guarded(snapshots.find(id)).await;
        if let Ok(Some(sealed)) = found {
            return Report::Sealed { generation, sealed };
        }
        let vm = match engines.adopt(&self.owner).await {
            Ok(Some(vm)) => vm,
            Ok(None) => {
                let cause = Cause::HostRestarted;
                return Report::Gone { generation, cause };
            }
            Err(fault) => {
                tracing::warn!(owner = %self.owner, %fault, "cannot tell whether the VM still runs");
                return self.stuck().await;
            }
        };
        let sealed = match found {
            Ok(_) => guarded(self.sealed(id, &*vm)).await,
            Err(fault) => Err(fault),
        };
        let fault = match sealed {
            Ok(sealed) => return Report::Sealed { generation, sealed },
            Err(fault) => fault,
        };
        self.discard(id).await;
        if self.cancel.is_cancelled() {
            return Report::Stuck { generation };
        }
        tracing::warn!(owner = %self.owner, snapshot = %id, %fault, "could not be paused; it runs on");
        match self.let_run(&*vm).await {
            Ok(()) => Report::PauseFailed {
                generation,
                snapshot: id.clone(),
                cause: fault.into(),
            },
            Err(cause) => Report::Gone { generation, cause },
        }
    }

    async fn sealed(&self, id: &SnapshotId, vm: &dyn Vm) -> Result<Sealed, Fault> {
        let (address, of) = self.portrayed().await?;
        let portrait = Portrait {
            context: &self.context,
            owner: &self.owner,
            vm,
            address,
            id,
            of: &of,
            damaged: None,
            cancel: &self.cancel,
            marks: Some(&MARKS),
        };
        let sealed = match self.seal(&portrait).await {
            Err(fault) if let Some((of, parent)) = alone(&of, &fault) => {
                tracing::error!(owner = %self.owner, %fault, "its parent is damaged; it is sealed without");
                let portrait = Portrait {
                    of: &of,
                    damaged: Some(&parent),
                    ..portrait
                };
                self.seal(&portrait).await
            }
            sealed => sealed,
        }?;
        crash::point("pause.sealed");
        Ok(sealed)
    }

    async fn seal(&self, portrait: &Portrait<'_>) -> Result<Sealed, Fault> {
        let taken = portrait.take().await?;
        let snapshots = &self.context.snapshots;
        phase(
            PICTURE,
            "seal",
            snapshots.seal(&taken.draft, portrait.of, taken.dumped),
        )
        .await
    }

    /// Throws a draft away; what cannot be is removed when the host starts the next time.
    pub(super) async fn discard(&self, id: &SnapshotId) {
        if let Err(fault) = self.context.snapshots.discard(id).await {
            tracing::warn!(snapshot = %id, %fault, "a draft is left behind");
        }
    }
}
