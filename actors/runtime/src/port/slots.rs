//! Network slots.

use std::net::IpAddr;
use std::path::PathBuf;

use async_trait::async_trait;
use roost_schemas::Owner;
use roost_schemas::network::NetworkPolicy;

use super::Fault;

/// A place in the network, made ready for one VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its number, unique on the machine.
    pub number: u32,
    /// The network namespace that the engine is to run in; nothing where there is none to enter.
    pub netns: Option<PathBuf>,
    /// The TAP device in it.
    pub tap: String,
    /// The guest's MAC address.
    pub mac: String,
    /// Where the host reaches the guest.
    pub address: IpAddr,
}

/// The slots of this host.
#[async_trait]
pub trait Slots: Send + Sync + 'static {
    /// The slot of `owner`, taken from the pool if it has none yet.
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault>;
    /// Lets the slot of `owner` carry out `policy`, in place of the one before; open connections are held to it too.
    async fn apply(&self, owner: &Owner, policy: &NetworkPolicy) -> Result<(), Fault>;
    /// The slot of `owner`, if it has one.
    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault>;
    /// Takes the slot of `owner` apart, if it has one.
    async fn release(&self, owner: &Owner) -> Result<(), Fault>;
    /// Who has a slot.
    async fn owners(&self) -> Result<Vec<Owner>, Fault>;
}
