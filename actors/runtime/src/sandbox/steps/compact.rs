//! Writing what a paused sandbox is paused as anew, so that it needs no other snapshot.

use roost_schemas::SnapshotId;
use roost_schemas::snapshot::Snapshot;

use super::{Task, guarded};
use crate::port::{Fault, Sealed};
use crate::sandbox::Report;

impl Task {
    pub(super) async fn compact(&self) -> Report {
        let generation = self.owner.generation;
        let Some(base) = &self.sandbox.base else {
            return Report::Uncompactable { generation };
        };
        match guarded(self.compacted(base)).await {
            Ok(sealed) => Report::Compacted {
                generation,
                replaced: base.id.clone(),
                sealed,
            },
            // It was resumed, saved or ended.
            Err(_) if self.cancel.is_cancelled() => Report::Stuck { generation },
            Err(fault) => {
                tracing::error!(owner = %self.owner, snapshot = %base.id, %fault, "it stays as it is");
                Report::Uncompactable { generation }
            }
        }
    }

    async fn compacted(&self, base: &Snapshot) -> Result<Sealed, Fault> {
        let snapshots = &self.context.snapshots;
        // What it is paused as has another id after each round, so this is the first of this one.
        let id = SnapshotId::compacted(&base.id, 1);
        if let Some(sealed) = snapshots.find(&id).await? {
            return Ok(sealed);
        }
        snapshots.compact(base, &id, &self.cancel).await
    }
}
