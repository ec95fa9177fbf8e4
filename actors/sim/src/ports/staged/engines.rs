//! Engines.

use std::sync::Arc;

use async_trait::async_trait;
use roost_runtime::port::{Draft, Dumped, Engines, Fault, Image, Vm, VmSpec};
use roost_schemas::Owner;
use roost_schemas::event::{Cause, EngineKind};

use super::Staged;
use crate::faults::Kind;
use crate::ports::Link;

#[async_trait]
impl Engines for Staged {
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        let boot = self.machine.boot(owner, spec);
        let vm = self.step(Kind::Engine, "boot", owner, boot).await?;
        Ok(self.watched(owner, vm))
    }

    async fn restore(&self, owner: &Owner, spec: &VmSpec, image: &Image) -> Result<Arc<dyn Vm>, Fault> {
        let restore = Engines::restore(&self.machine, owner, spec, image);
        let vm = self.step(Kind::Engine, "restore", owner, restore).await?;
        Ok(self.watched(owner, vm))
    }

    async fn pause(&self, owner: &Owner) -> Result<(), Fault> {
        self.step(Kind::Engine, "pause", owner, self.machine.pause(owner))
            .await
    }

    async fn resume(&self, owner: &Owner) -> Result<(), Fault> {
        self.step(Kind::Engine, "resume", owner, self.machine.resume(owner))
            .await
    }

    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault> {
        self.step(Kind::Engine, "is_paused", owner, self.machine.is_paused(owner))
            .await
    }

    async fn dump(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault> {
        self.step(Kind::Disk, "dump", owner, self.machine.dump(owner, draft))
            .await
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        let adopt = self.machine.adopt(owner);
        let vm = self.step(Kind::Engine, "adopt", owner, adopt).await?;
        Ok(vm.map(|vm| self.watched(owner, vm)))
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        self.step(Kind::Engine, "destroy", owner, self.machine.destroy(owner))
            .await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        self.step(Kind::Look, "engines", "", Engines::owners(&self.machine))
            .await
    }
}

impl Staged {
    fn watched(&self, owner: &Owner, vm: Arc<dyn Vm>) -> Arc<dyn Vm> {
        Arc::new(WatchedVm {
            vm,
            owner: owner.clone(),
            link: self.link.clone(),
        })
    }
}

/// A VM whose end is heard of a little later.
struct WatchedVm {
    vm: Arc<dyn Vm>,
    owner: Owner,
    link: Link,
}

#[async_trait]
impl Vm for WatchedVm {
    fn engine(&self) -> EngineKind {
        self.vm.engine()
    }

    fn engine_version(&self) -> String {
        self.vm.engine_version()
    }

    async fn exited(&self) -> Cause {
        let cause = self.vm.exited().await;
        self.link.turn(Kind::Item, "exited", self.owner.to_string()).await;
        self.link.took_effect().await;
        cause
    }
}
