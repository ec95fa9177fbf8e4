//! Slots and drives.

use async_trait::async_trait;
use roost_runtime::port::{Disks, Drives, Fault, Image, Slot, Slots};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Owner, TemplateName};

use super::Staged;
use crate::faults::Kind;

#[async_trait]
impl Slots for Staged {
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault> {
        self.step(Kind::Place, "claim", owner, self.machine.claim(owner))
            .await
    }

    async fn apply(&self, owner: &Owner, policy: &NetworkPolicy) -> Result<(), Fault> {
        self.step(Kind::Place, "apply", owner, self.machine.apply(owner, policy))
            .await
    }

    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault> {
        self.step(Kind::Look, "find slot", owner, Slots::find(&self.machine, owner))
            .await
    }

    async fn release(&self, owner: &Owner) -> Result<(), Fault> {
        self.step(Kind::Place, "release", owner, self.machine.release(owner))
            .await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        self.step(Kind::Look, "slots", "", Slots::owners(&self.machine))
            .await
    }
}

#[async_trait]
impl Disks for Staged {
    async fn create(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        let create = Disks::create(&self.machine, owner, template);
        self.step(Kind::Disk, "create", owner, create).await
    }

    async fn restore(&self, owner: &Owner, image: &Image) -> Result<Drives, Fault> {
        let restore = Disks::restore(&self.machine, owner, image);
        self.step(Kind::Disk, "drive", owner, restore).await
    }

    async fn find(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        let find = Disks::find(&self.machine, owner, template);
        self.step(Kind::Look, "find drive", owner, find).await
    }

    async fn remove(&self, owner: &Owner) -> Result<(), Fault> {
        self.step(Kind::Place, "remove", owner, self.machine.remove(owner))
            .await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        self.step(Kind::Look, "drives", "", Disks::owners(&self.machine))
            .await
    }
}
