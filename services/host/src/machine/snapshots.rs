//! Snapshots from this host's store.

use std::collections::BTreeSet;

use async_trait::async_trait;
use roost_runtime::port::{Draft, Dumped, Fault, Image, Portrayed, Sealed, Snapshots};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::Resources;
use roost_schemas::{SnapshotId, TemplateName};
use tokio_util::sync::CancellationToken;

/// The snapshots of this host.
pub struct RealSnapshots;

fn none(id: &SnapshotId) -> Fault {
    Fault::new("keep a snapshot", format!("{id}: snapshots are not kept yet"))
}

#[async_trait]
impl Snapshots for RealSnapshots {
    async fn draft(&self, id: &SnapshotId) -> Result<Draft, Fault> {
        Err(none(id))
    }

    async fn collect(&self, draft: &Draft, _of: &Portrayed) -> Result<(), Fault> {
        Err(none(&draft.id))
    }

    async fn seal(&self, draft: &Draft, _of: &Portrayed, _dumped: Dumped) -> Result<Sealed, Fault> {
        Err(none(&draft.id))
    }

    async fn discard(&self, _id: &SnapshotId) -> Result<(), Fault> {
        Ok(())
    }

    async fn find(&self, _id: &SnapshotId) -> Result<Option<Sealed>, Fault> {
        Ok(None)
    }

    async fn open(&self, snapshot: &Snapshot) -> Result<Image, Fault> {
        Err(none(&snapshot.id))
    }

    async fn compact(
        &self,
        snapshot: &Snapshot,
        _id: &SnapshotId,
        _cancel: &CancellationToken,
    ) -> Result<Sealed, Fault> {
        Err(none(&snapshot.id))
    }

    async fn of_boot(
        &self,
        _template: &TemplateName,
        _resources: Resources,
    ) -> Result<Option<SnapshotId>, Fault> {
        Ok(None)
    }

    async fn kept(&self) -> Result<BTreeSet<SnapshotId>, Fault> {
        Ok(BTreeSet::new())
    }

    async fn sweep(&self, _referenced: &BTreeSet<SnapshotId>) -> Result<Vec<SnapshotId>, Fault> {
        Ok(Vec::new())
    }
}
