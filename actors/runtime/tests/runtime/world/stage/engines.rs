//! Engines as one life of a host sees them.

use std::sync::Arc;

use async_trait::async_trait;
use roost_runtime::port::{Draft, Dumped, Engines, Fault, Image, Vm, VmSpec};
use roost_schemas::Owner;

use super::Stage;

#[async_trait]
impl Engines for Stage {
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        self.pass("boot").await;
        self.machine.boot(owner, spec).await
    }

    async fn restore(&self, owner: &Owner, spec: &VmSpec, image: &Image) -> Result<Arc<dyn Vm>, Fault> {
        self.pass("restore").await;
        Engines::restore(&self.machine, owner, spec, image).await
    }

    async fn pause(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("pause").await;
        self.machine.pause(owner).await
    }

    async fn resume(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("resume").await;
        self.machine.resume(owner).await
    }

    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault> {
        self.pulse.check().await;
        self.script.play("is_paused").await;
        self.machine.is_paused(owner).await
    }

    async fn dump(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault> {
        self.pass("dump").await;
        self.machine.dump(owner, draft).await
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        self.pass("adopt").await;
        self.machine.adopt(owner).await
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("destroy").await;
        self.machine.destroy(owner).await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Engines::owners(&self.machine).await
    }
}
