//! Slots from the pool of `roost-net`.

use std::net::IpAddr;

use async_trait::async_trait;
use roost_net::SlotPool;
use roost_runtime::port::{Fault, Slot, Slots};
use roost_schemas::Owner;
use roost_schemas::network::NetworkPolicy;

/// The slots of this host.
pub struct RealSlots {
    pool: SlotPool,
}

impl RealSlots {
    /// Takes slots from `pool`.
    pub fn new(pool: SlotPool) -> Self {
        Self { pool }
    }
}

fn slot(slot: roost_net::Slot) -> Slot {
    Slot {
        number: slot.number,
        netns: Some(slot.netns),
        tap: slot.tap.to_owned(),
        mac: slot.guest_mac.to_string(),
        address: IpAddr::V4(slot.host_address),
    }
}

#[async_trait]
impl Slots for RealSlots {
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault> {
        self.pool
            .claim(owner.clone())
            .await
            .map(slot)
            .map_err(|error| Fault::of("claim a slot", &error))
    }

    async fn apply(&self, owner: &Owner, policy: &NetworkPolicy) -> Result<(), Fault> {
        self.pool
            .apply(owner.clone(), policy)
            .await
            .map_err(|error| Fault::of("carry out the network policy", &error))
    }

    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault> {
        Ok(self
            .pool
            .owners()
            .into_iter()
            .find(|(other, _)| other == owner)
            .map(|(_, found)| slot(found)))
    }

    async fn release(&self, owner: &Owner) -> Result<(), Fault> {
        self.pool
            .release(owner.clone())
            .await
            .map_err(|error| Fault::of("release the slot", &error))
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.pool.owners().into_iter().map(|(owner, _)| owner).collect())
    }
}
