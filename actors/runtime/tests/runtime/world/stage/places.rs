//! Slots, drives and the edge as one life of a host sees them.

use std::net::IpAddr;

use async_trait::async_trait;
use roost_runtime::port::{Disks, Drives, Edge, Fault, Image, Slot, Slots};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Owner, TemplateName};

use super::Stage;

#[async_trait]
impl Slots for Stage {
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault> {
        self.pass("claim").await;
        self.machine.claim(owner).await
    }

    async fn apply(&self, owner: &Owner, policy: &NetworkPolicy) -> Result<(), Fault> {
        self.pass("apply").await;
        self.machine.apply(owner, policy).await
    }

    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault> {
        Slots::find(&self.machine, owner).await
    }

    async fn release(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("release").await;
        self.machine.release(owner).await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Slots::owners(&self.machine).await
    }
}

#[async_trait]
impl Disks for Stage {
    async fn create(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        self.pass("create").await;
        Disks::create(&self.machine, owner, template).await
    }

    async fn restore(&self, owner: &Owner, image: &Image) -> Result<Drives, Fault> {
        self.pass("drive").await;
        Disks::restore(&self.machine, owner, image).await
    }

    async fn find(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        Disks::find(&self.machine, owner, template).await
    }

    async fn remove(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("remove").await;
        self.machine.remove(owner).await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Disks::owners(&self.machine).await
    }
}

impl Edge for Stage {
    fn open(&self, owner: &Owner, address: IpAddr) {
        self.machine.open(owner, address);
    }

    fn close(&self, owner: &Owner) {
        self.machine.close(owner);
    }
}
