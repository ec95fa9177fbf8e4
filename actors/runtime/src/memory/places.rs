//! Slots, drives and the edge in memory.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Owner, TemplateName};

use super::Machine;
use crate::port::{Disks, Drives, Edge, Fault, Image, Slot, Slots};

/// Where the guest in slot 0 is reached; the others follow.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) fn slot(number: u32) -> Slot {
    Slot {
        number,
        netns: None,
        tap: "tap0".into(),
        mac: "02:fc:00:00:00:05".into(),
        address: IpAddr::V4(Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + number)),
    }
}

fn drives() -> Drives {
    Drives {
        base: "base".into(),
        data: "data".into(),
    }
}

#[async_trait]
impl Slots for Machine {
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault> {
        let mut inner = self.step("claim")?;
        let taken: BTreeSet<u32> = inner.slots.values().copied().collect();
        let free = (0..=u32::MAX)
            .find(|number| !taken.contains(number))
            .unwrap_or_default();
        Ok(slot(*inner.slots.entry(owner.clone()).or_insert(free)))
    }

    async fn apply(&self, owner: &Owner, policy: &NetworkPolicy) -> Result<(), Fault> {
        self.step("apply")?.policies.insert(owner.clone(), policy.clone());
        Ok(())
    }

    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault> {
        Ok(self.lock().slots.get(owner).copied().map(slot))
    }

    async fn release(&self, owner: &Owner) -> Result<(), Fault> {
        let mut inner = self.step("release")?;
        inner.slots.remove(owner);
        inner.policies.remove(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.lock().slots.keys().cloned().collect())
    }
}

#[async_trait]
impl Disks for Machine {
    async fn create(&self, owner: &Owner, _template: &TemplateName) -> Result<Drives, Fault> {
        self.step("create")?.drives.insert(owner.clone());
        Ok(drives())
    }

    async fn restore(&self, owner: &Owner, _image: &Image) -> Result<Drives, Fault> {
        self.step("drive")?.drives.insert(owner.clone());
        Ok(drives())
    }

    async fn find(&self, owner: &Owner, _template: &TemplateName) -> Result<Drives, Fault> {
        if !self.lock().drives.contains(owner) {
            return Err(Fault::new("look for the drive", format!("{owner} has none")));
        }
        Ok(drives())
    }

    async fn remove(&self, owner: &Owner) -> Result<(), Fault> {
        self.step("remove")?.drives.remove(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.lock().drives.iter().cloned().collect())
    }
}

impl Edge for Machine {
    fn open(&self, owner: &Owner, address: IpAddr) {
        self.lock().doors.insert(owner.clone(), address);
    }

    fn close(&self, owner: &Owner) {
        self.lock().doors.remove(owner);
    }
}
