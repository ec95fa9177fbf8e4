//! Taking a snapshot of a sandbox that runs on: it is held only until its memory and drive are written down.
//!
//! ```text
//!   sealed already ───────────────────────────────────────────────▶ SnapshotTaken
//!   picture ─▶ VM runs on ─▶ seal ─▶ SnapshotTaken
//!      ├─ parent damaged ─▶ VM runs on ─▶ once more, so that it stands alone
//!      └─ failed ─▶ VM runs on ─▶ draft thrown away ──────────────▶ SnapshotFailed
//!                      └─ it does not ────────────────────────────▶ Gone
//! ```

use roost_schemas::SnapshotId;
use roost_schemas::event::Cause;

use super::portrait::{Marks, PICTURE, Portrait, alone};
use super::{Task, guarded, ms_since};
use crate::crash;
use crate::host::Context;
use crate::observe::phase;
use crate::port::{Fault, Sealed};
use crate::sandbox::Report;

static MARKS: Marks = Marks {
    quiesced: "snapshot.quiesced",
    stopped: "snapshot.stopped",
    drafted: "snapshot.drafted",
    dumped: "snapshot.dumped",
    collected: "snapshot.collected",
};

/// Why there is no snapshot.
enum Obstacle {
    /// The VM runs on.
    Failed(Fault),
    /// It does not.
    Stands(Cause),
}

impl From<Fault> for Obstacle {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl Task {
    pub(super) async fn snapshot(&self, id: &SnapshotId) -> Report {
        crash::point("snapshot.begun");
        let generation = self.owner.generation;
        match self.taken(id).await {
            Ok((sealed, held_ms)) => Report::SnapshotTaken {
                generation,
                sealed,
                held_ms,
            },
            Err(Obstacle::Stands(cause)) => {
                self.discard(id).await;
                Report::Gone { generation, cause }
            }
            Err(Obstacle::Failed(fault)) => {
                self.discard(id).await;
                if self.cancel.is_cancelled() {
                    // A pause takes its own; and whoever is ended needs none.
                    return Report::Stuck { generation };
                }
                tracing::warn!(owner = %self.owner, snapshot = %id, %fault, "no snapshot; it runs on");
                Report::SnapshotFailed {
                    generation,
                    snapshot: id.clone(),
                    seen: self.seen,
                    cause: fault.into(),
                }
            }
        }
    }

    async fn taken(&self, id: &SnapshotId) -> Result<(Sealed, u64), Obstacle> {
        let Context {
            engines, snapshots, ..
        } = &*self.context;
        // An earlier life may have come as far as this; how long it held the VM is not known any more.
        if let Some(sealed) = snapshots.find(id).await? {
            return Ok((sealed, 0));
        }
        let vm = engines.adopt(&self.owner).await?;
        let vm = vm.ok_or_else(|| Fault::new("take the snapshot", "the engine is gone"))?;
        let (address, of) = self.portrayed().await?;
        let portrait = Portrait {
            context: &self.context,
            owner: &self.owner,
            vm: &*vm,
            address,
            id,
            of: &of,
            damaged: None,
            cancel: &self.cancel,
            marks: Some(&MARKS),
        };
        match self.shot(&portrait).await {
            Err(Obstacle::Failed(fault)) if let Some((of, parent)) = alone(&of, &fault) => {
                tracing::error!(owner = %self.owner, %fault, "its parent is damaged; it is sealed without");
                let portrait = Portrait {
                    of: &of,
                    damaged: Some(&parent),
                    ..portrait
                };
                self.shot(&portrait).await
            }
            shot => shot,
        }
    }

    async fn shot(&self, portrait: &Portrait<'_>) -> Result<(Sealed, u64), Obstacle> {
        let taken = guarded(portrait.take()).await;
        if self.cancel.is_cancelled() {
            // Once: what comes next ends it, pauses it, or finds it standing still and tries again.
            if let Err(fault) = self.woken().await {
                tracing::debug!(owner = %self.owner, %fault, "left standing still");
            }
        } else {
            self.let_run(portrait.vm).await.map_err(Obstacle::Stands)?;
        }
        crash::point("snapshot.woken");
        let taken = taken?;
        let held_ms = ms_since(taken.held);
        let snapshots = &self.context.snapshots;
        let sealed = guarded(phase(
            PICTURE,
            "seal",
            snapshots.seal(&taken.draft, portrait.of, taken.dumped),
        ))
        .await?;
        crash::point("snapshot.sealed");
        Ok((sealed, held_ms))
    }
}
