//! The store of snapshots.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use roost_runtime::port::{Draft, Dumped, Fault, Image, Pin, Portrayed, Sealed, Snapshots};
use roost_schemas::snapshot::{Seal, Snapshot};
use roost_schemas::spec::Resources;
use roost_schemas::{SnapshotId, TemplateName};
use tokio_util::sync::CancellationToken;

use super::Staged;
use crate::faults::Kind;
use crate::process::Life;

#[async_trait]
impl Snapshots for Staged {
    async fn draft(&self, id: &SnapshotId) -> Result<Draft, Fault> {
        self.step(Kind::Disk, "draft", id, self.machine.draft(id)).await
    }

    async fn draft_alone(&self, id: &SnapshotId, parent: &SnapshotId) -> Result<Draft, Fault> {
        let draft = self.machine.draft_alone(id, parent);
        self.step(Kind::Disk, "draft alone", id, draft).await
    }

    async fn collect(&self, draft: &Draft, of: &Portrayed) -> Result<(), Fault> {
        let collect = self.machine.collect(draft, of);
        self.step(Kind::Disk, "collect", &draft.id, collect).await
    }

    async fn seal(&self, draft: &Draft, of: &Portrayed, dumped: Dumped) -> Result<Sealed, Fault> {
        let seal = self.machine.seal(draft, of, dumped);
        let sealed = self.step(Kind::Seal, "seal", &draft.id, seal).await?;
        Ok(self.pinned(sealed))
    }

    async fn discard(&self, id: &SnapshotId) -> Result<(), Fault> {
        self.step(Kind::Disk, "discard", id, self.machine.discard(id))
            .await
    }

    async fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, Fault> {
        let find = Snapshots::find(&self.machine, id);
        let found = self.step(Kind::Look, "find snapshot", id, find).await?;
        Ok(found.map(|sealed| self.pinned(sealed)))
    }

    async fn open(&self, snapshot: &Snapshot) -> Result<Image, Fault> {
        let open = Snapshots::open(&self.machine, snapshot);
        self.step(Kind::Look, "open", &snapshot.id, open).await
    }

    async fn seal_of(&self, snapshot: &Snapshot) -> Result<Seal, Fault> {
        let seal = self.machine.seal_of(snapshot);
        self.step(Kind::Look, "seal of", &snapshot.id, seal).await
    }

    async fn compact(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        cancel: &CancellationToken,
    ) -> Result<Sealed, Fault> {
        let compact = self.machine.compact(snapshot, id, cancel);
        let sealed = self.step(Kind::Seal, "compact", id, compact).await?;
        Ok(self.pinned(sealed))
    }

    async fn of_boot(
        &self,
        template: &TemplateName,
        resources: Resources,
    ) -> Result<Option<SnapshotId>, Fault> {
        let of_boot = self.machine.of_boot(template, resources);
        self.step(Kind::Look, "of boot", template, of_boot).await
    }

    async fn kept(&self) -> Result<BTreeSet<SnapshotId>, Fault> {
        self.step(Kind::Look, "kept", "", self.machine.kept()).await
    }

    async fn sweep(&self, referenced: &BTreeSet<SnapshotId>) -> Result<Vec<SnapshotId>, Fault> {
        let about = referenced.len();
        self.step(Kind::Disk, "sweep", about, self.machine.sweep(referenced))
            .await
    }
}

impl Staged {
    /// A pin is in the agent's memory: it is gone with the agent, and its end has no effect on a later life's.
    fn pinned(&self, sealed: Sealed) -> Sealed {
        let pin = LifePin {
            pin: Some(sealed.pin),
            life: Arc::clone(&self.link.life),
        };
        Sealed {
            snapshot: sealed.snapshot,
            pin: Pin::new(pin),
        }
    }
}

struct LifePin {
    pin: Option<Pin>,
    life: Arc<Life>,
}

impl Drop for LifePin {
    fn drop(&mut self) {
        if self.life.is_dead() {
            // Never let go of by this one: the next start clears all pins.
            std::mem::forget(self.pin.take());
        }
    }
}
