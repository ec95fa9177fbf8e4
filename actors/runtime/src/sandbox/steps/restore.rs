//! Restoring a snapshot as a VM of this owner.
//!
//! Until the guest has its own identity it can reach nobody and nobody can reach it; its programs stand still.

use std::sync::Arc;

use roost_schemas::network::NetworkPolicy;
use roost_schemas::snapshot::Snapshot;

use super::Task;
use crate::crash;
use crate::host::Context;
use crate::observe::phase;
use crate::port::{Fault, Image, Slot, Vm, VmSpec};

const STEP: &str = "restore the snapshot";
/// The same, among figures.
const RESTORE: &str = "restore";

impl Task {
    /// What it has begun is for the caller to undo if it fails.
    pub(super) async fn restore(&self, snapshot: &Snapshot) -> Result<Arc<dyn Vm>, Fault> {
        let Context {
            slots,
            disks,
            engines,
            edge,
            ..
        } = &*self.context;
        crash::point("restore.begun");
        let (image, slot) = tokio::join!(
            phase(RESTORE, "open", self.opened(snapshot)),
            phase(RESTORE, "slot", self.closed()),
        );
        let (image, slot) = (image?, slot?);
        self.go_on(STEP)?;
        let address = slot.address;
        let spec = VmSpec {
            resources: image.seal.resources,
            drives: phase(RESTORE, "drive", disks.restore(&self.owner, &image)).await?,
            slot,
            template: image.seal.template.clone(),
        };
        crash::point("restore.drive");
        let vm = phase(RESTORE, "load", engines.restore(&self.owner, &spec, &image)).await?;
        crash::point("restore.loaded");
        self.go_on(STEP)?;
        phase(RESTORE, "resume", engines.resume(&self.owner)).await?;
        crash::point("restore.resumed");
        phase(RESTORE, "greet", self.greet(&*vm, address, true)).await?;
        crash::point("restore.greeted");
        phase(RESTORE, "rules", slots.apply(&self.owner, &self.sandbox.network)).await?;
        crash::point("restore.applied");
        // Before the log says that it runs: whoever reads that there may come at once.
        edge.open(&self.owner, address);
        crash::point("restore.opened_edge");
        Ok(vm)
    }

    async fn opened(&self, snapshot: &Snapshot) -> Result<Image, Fault> {
        let image = self.context.snapshots.open(snapshot).await?;
        crash::point("restore.opened");
        Ok(image)
    }

    /// A slot that lets nothing through.
    async fn closed(&self) -> Result<Slot, Fault> {
        let slots = &self.context.slots;
        let slot = slots.claim(&self.owner).await?;
        slots.apply(&self.owner, &NetworkPolicy::closed()).await?;
        crash::point("restore.claimed");
        Ok(slot)
    }
}
