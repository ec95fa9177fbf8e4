//! What all actors of one host share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use roost_journal::port::{Journal, OutputLog, Queue};
use roost_schemas::{HostId, LifeId, Owner};
use tokio::sync::OwnedMutexGuard;

use super::rests::Rests;
use crate::port::{Clock, Disks, Edge, Engines, Fault, Guests, Slots, Snapshots};

/// The host's name, its ports, and the turns its steps take.
pub struct Context {
    /// This host.
    pub host: HostId,
    /// This life of its agent.
    pub life: LifeId,
    /// The event log.
    pub journal: Arc<dyn Journal>,
    /// The command queue.
    pub queue: Arc<dyn Queue>,
    /// Process output.
    pub output: Arc<dyn OutputLog>,
    /// Network slots.
    pub slots: Arc<dyn Slots>,
    /// Drives.
    pub disks: Arc<dyn Disks>,
    /// Engines.
    pub engines: Arc<dyn Engines>,
    /// Snapshots.
    pub snapshots: Arc<dyn Snapshots>,
    /// Guests.
    pub guests: Arc<dyn Guests>,
    /// The edge.
    pub edge: Arc<dyn Edge>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// One step per owner at a time.
    pub turns: Turns,
    /// Boot snapshots that could not be made a moment ago.
    pub rests: Rests,
}

impl Context {
    /// Where the guest of `owner` is reached.
    pub(crate) async fn guest_of(&self, owner: &Owner) -> Result<IpAddr, Fault> {
        let slot = self.slots.find(owner).await?;
        let slot = slot.ok_or_else(|| Fault::new("find the guest", "the sandbox has no slot any more"))?;
        Ok(slot.address)
    }
}

/// A lock per owner, kept only while somebody has or wants it.
#[derive(Default)]
pub struct Turns {
    locks: Mutex<HashMap<Owner, Arc<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits for the turn of `owner`, which lasts as long as the guard lives.
    pub async fn take(&self, owner: &Owner) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(owner.clone()).or_default())
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_schemas::{Generation, SandboxId};

    #[tokio::test]
    async fn an_owner_has_one_turn_at_a_time_and_leaves_nothing_behind() {
        let owner = |n| Owner {
            sandbox: SandboxId::new("s").unwrap(),
            generation: Generation(n),
        };
        let turns = Turns::default();
        let first = turns.take(&owner(1)).await;
        let _other = turns.take(&owner(2)).await;
        assert!(futures::poll!(std::pin::pin!(turns.take(&owner(1)))).is_pending());
        drop(first);
        drop(turns.take(&owner(1)).await);
        drop(turns.take(&owner(3)).await);
        assert!(turns.locks.lock().unwrap().len() <= 2);
    }
}
