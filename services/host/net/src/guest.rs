//! What every guest sees, whichever slot it runs in: one address, one MAC, one gateway.
//!
//! These never vary, which is what lets a snapshot resume in any slot of any host.

use std::fmt;
use std::net::Ipv4Addr;

use roost_schemas::metadata;

/// The guest's own address.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 21);

/// The slot's end of the TAP: the guest's default gateway and its DNS resolver.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 22);

/// Prefix length shared by [`ADDRESS`] and [`GATEWAY`].
pub const PREFIX_LEN: u8 = 30;

/// The guest's network card.
pub const MAC: Mac = Mac([0x02, 0xfc, 0x00, 0x00, 0x00, 0x05]);

/// The gateway's network card: the host's side of the TAP. Fixed, because a guest resumed in another slot still has it in
/// its neighbour table.
pub const GATEWAY_MAC: Mac = Mac([0x02, 0xfc, 0x00, 0x00, 0x00, 0x06]);

/// Where a guest finds its metadata: an address of its slot, on which the engine may serve.
pub const METADATA: Ipv4Addr = metadata::ADDRESS;

/// The metadata's port.
pub const METADATA_PORT: u16 = 80;

/// Name of the TAP device inside a slot's namespace.
pub const TAP: &str = "tap0";

/// The port DNS is asked on, over UDP and TCP.
pub const DNS_PORT: u16 = 53;

/// An Ethernet address, written as engines expect it (`02:FC:00:00:00:05`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.map(|byte| format!("{byte:02X}"));
        f.write_str(&bytes.join(":"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_is_written_as_the_contract_says() {
        assert_eq!(MAC.to_string(), "02:FC:00:00:00:05");
    }
}
