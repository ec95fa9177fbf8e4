//! Engines behind a fence.

use std::sync::Arc;

use async_trait::async_trait;
use roost_schemas::Owner;

use super::Gate;
use crate::port::{Draft, Dumped, Engines, Fault, Image, Vm, VmSpec};

pub(super) struct Fenced {
    pub(super) gate: Gate,
    pub(super) engines: Arc<dyn Engines>,
}

#[async_trait]
impl Engines for Fenced {
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        self.gate.pass(|| self.engines.boot(owner, spec)).await
    }

    async fn restore(&self, owner: &Owner, spec: &VmSpec, image: &Image) -> Result<Arc<dyn Vm>, Fault> {
        let restore = || self.engines.restore(owner, spec, image);
        self.gate.pass(restore).await
    }

    async fn pause(&self, owner: &Owner) -> Result<(), Fault> {
        self.gate.pass(|| self.engines.pause(owner)).await
    }

    async fn resume(&self, owner: &Owner) -> Result<(), Fault> {
        self.gate.pass(|| self.engines.resume(owner)).await
    }

    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault> {
        self.gate.pass(|| self.engines.is_paused(owner)).await
    }

    async fn dump(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault> {
        self.gate.pass(|| self.engines.dump(owner, draft)).await
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        self.engines.adopt(owner).await
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        self.engines.destroy(owner).await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        self.engines.owners().await
    }
}
