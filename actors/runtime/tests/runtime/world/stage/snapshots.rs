//! The store as one life of a host sees it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use roost_runtime::port::{Draft, Dumped, Fault, Image, Portrayed, Sealed, Snapshots};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::Resources;
use roost_schemas::{SnapshotId, TemplateName};
use tokio_util::sync::CancellationToken;

use super::Stage;

#[async_trait]
impl Snapshots for Stage {
    async fn draft(&self, id: &SnapshotId) -> Result<Draft, Fault> {
        self.pass("draft").await;
        self.machine.draft(id).await
    }

    async fn draft_alone(&self, id: &SnapshotId, parent: &SnapshotId) -> Result<Draft, Fault> {
        self.pass("draft_alone").await;
        self.machine.draft_alone(id, parent).await
    }

    async fn collect(&self, draft: &Draft, of: &Portrayed) -> Result<(), Fault> {
        self.pass("collect").await;
        self.machine.collect(draft, of).await
    }

    async fn seal(&self, draft: &Draft, of: &Portrayed, dumped: Dumped) -> Result<Sealed, Fault> {
        self.pass("seal").await;
        self.machine.seal(draft, of, dumped).await
    }

    async fn discard(&self, id: &SnapshotId) -> Result<(), Fault> {
        self.pass("discard").await;
        self.machine.discard(id).await
    }

    async fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, Fault> {
        self.pass("find").await;
        Snapshots::find(&self.machine, id).await
    }

    async fn open(&self, snapshot: &Snapshot) -> Result<Image, Fault> {
        self.pass("open").await;
        Snapshots::open(&self.machine, snapshot).await
    }

    async fn compact(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        cancel: &CancellationToken,
    ) -> Result<Sealed, Fault> {
        self.pass("compact").await;
        self.machine.compact(snapshot, id, cancel).await
    }

    async fn of_boot(
        &self,
        template: &TemplateName,
        resources: Resources,
    ) -> Result<Option<SnapshotId>, Fault> {
        self.pulse.check().await;
        self.machine.of_boot(template, resources).await
    }

    async fn kept(&self) -> Result<BTreeSet<SnapshotId>, Fault> {
        self.pulse.check().await;
        self.machine.kept().await
    }

    async fn sweep(&self, referenced: &BTreeSet<SnapshotId>) -> Result<Vec<SnapshotId>, Fault> {
        // Not written down: it comes by itself, now and then.
        self.pulse.check().await;
        self.script.play("sweep").await;
        self.machine.sweep(referenced).await
    }
}
