//! A slot: the prepared network place of one VM.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::guest;

/// One slot, ready for an engine to be started in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its number, unique on the machine.
    pub number: u32,
    /// File that holds its network namespace; the engine is started inside (see [`crate::run_inside`]).
    pub netns: PathBuf,
    /// Where this host reaches the guest, on any port.
    pub host_address: Ipv4Addr,
    /// Name of the TAP inside the namespace.
    pub tap: &'static str,
    /// The guest's hardware address.
    pub guest_mac: guest::Mac,
    /// The guest's own address, the same in every slot.
    pub guest_address: Ipv4Addr,
    /// The guest's gateway and DNS resolver, the same in every slot.
    pub gateway: Ipv4Addr,
}

impl Slot {
    pub(crate) fn new(number: u32, netns: PathBuf, host_address: Ipv4Addr) -> Self {
        Self {
            number,
            netns,
            host_address,
            tap: guest::TAP,
            guest_mac: guest::MAC,
            guest_address: guest::ADDRESS,
            gateway: guest::GATEWAY,
        }
    }
}
