//! Which addresses slot number N has: pure arithmetic over the two configured ranges, with no room to wrap.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The two ranges slots are addressed from. Built only by [`crate::Config::validate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPlan {
    veth: Ipv4Net,
    host: Ipv4Net,
}

/// The addresses of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The slot's number.
    pub number: u32,
    /// Host end of the veth pair: the namespace's default gateway.
    pub host_end: Ipv4Addr,
    /// Namespace end of the veth pair: what the guest's traffic is translated to.
    pub slot_end: Ipv4Addr,
    /// Where the host reaches the guest.
    pub host_address: Ipv4Addr,
}

impl Addresses {
    /// Name of the host-side link.
    ///
    /// It carries the number and nothing else, so that the kernel's link table decides between all Roost hosts of the
    /// machine who holds a number.
    pub fn link(&self) -> String {
        link_name(self.number)
    }
}

/// Prefix of all host-side link names, of every host instance.
pub(crate) const LINK_PREFIX: &str = "roost-v";

/// Name of the host-side link of slot `number`: at most 15 characters (`IFNAMSIZ`) for any number a /8 can hold.
pub(crate) fn link_name(number: u32) -> String {
    format!("{LINK_PREFIX}{number}")
}

/// The number a host-side link name carries, if it is one.
pub(crate) fn link_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix(LINK_PREFIX)?.parse().ok()?;
    (link_name(number) == name).then_some(number)
}

impl AddressPlan {
    pub(crate) fn new(veth: Ipv4Net, host: Ipv4Net) -> Self {
        Self { veth, host }
    }

    /// How many slots fit: one /31 of the veth range and one /32 of the host range each.
    pub fn capacity(&self) -> u32 {
        let pairs = size(self.veth) / 2;
        let hosts = size(self.host);
        u32::try_from(pairs.min(hosts)).unwrap_or(u32::MAX)
    }

    /// The addresses of slot `number`, or `None` from [`Self::capacity`] on.
    pub fn addresses(&self, number: u32) -> Option<Addresses> {
        if number >= self.capacity() {
            return None;
        }
        let veth = self.veth.network().to_bits() + number * 2;
        Some(Addresses {
            number,
            host_end: Ipv4Addr::from_bits(veth),
            slot_end: Ipv4Addr::from_bits(veth + 1),
            host_address: Ipv4Addr::from_bits(self.host.network().to_bits() + number),
        })
    }

    /// The range the veth pairs are taken from.
    pub fn veth_range(&self) -> Ipv4Net {
        self.veth
    }

    /// The range the host-reachable addresses are taken from.
    pub fn host_range(&self) -> Ipv4Net {
        self.host
    }
}

fn size(range: Ipv4Net) -> u64 {
    1 << (32 - u32::from(range.prefix_len()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn plan(veth: &str, host: &str) -> AddressPlan {
        AddressPlan::new(veth.parse().unwrap(), host.parse().unwrap())
    }

    #[test]
    fn default_ranges_hold_32768_slots_and_not_one_more() {
        let plan = plan("10.12.0.0/16", "10.11.0.0/16");
        assert_eq!(plan.capacity(), 32_768);
        let last = plan.addresses(32_767).unwrap();
        assert_eq!(last.host_end.to_string(), "10.12.255.254");
        assert_eq!(last.slot_end.to_string(), "10.12.255.255");
        assert_eq!(last.host_address.to_string(), "10.11.127.255");
        assert_eq!(plan.addresses(32_768), None);
        assert_eq!(plan.addresses(u32::MAX), None);
    }

    #[test]
    fn link_names_fit_and_read_back() {
        assert!(link_name((1 << 23) - 1).len() <= 15);
        assert_eq!(link_number("roost-v7"), Some(7));
        for other in [
            "roost-v",
            "roost-v07",
            "roost-v+7",
            "roost-vx",
            "eth0",
            "roost-v99999999999",
        ] {
            assert_eq!(link_number(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_two_slots_share_an_address_and_none_leaves_its_range(
            veth_len in 24_u8..=31, host_len in 24_u8..=32, veth in any::<u16>(), host in any::<u16>(),
        ) {
            let range = |base: u32, len| Ipv4Net::new(Ipv4Addr::from_bits(base), len).unwrap().trunc();
            let plan = AddressPlan::new(
                range(0x0a00_0000 | u32::from(veth) << 8, veth_len),
                range(0x0b00_0000 | u32::from(host) << 8, host_len),
            );
            let mut seen = HashSet::new();
            for number in 0..plan.capacity() {
                let slot = plan.addresses(number).unwrap();
                prop_assert!(plan.veth_range().contains(&slot.host_end));
                prop_assert!(plan.veth_range().contains(&slot.slot_end));
                prop_assert!(plan.host_range().contains(&slot.host_address));
                prop_assert_eq!(slot.host_end.to_bits() ^ 1, slot.slot_end.to_bits());
                for address in [slot.host_end, slot.slot_end, slot.host_address] {
                    prop_assert!(seen.insert(address));
                }
            }
            prop_assert_eq!(plan.addresses(plan.capacity()), None);
        }
    }
}
