//! The packet filter: pure functions from addresses to nftables documents.
//!
//! Two layers judge every packet of a guest. The first, in the slot's own namespace ([`slot`]), knows the guest; the
//! second, on the host ([`host`]), knows the host's own addresses and the other slots, and holds even against an engine
//! that broke out of its VM into the namespace. Each document replaces its table in one transaction.
//!
//! ```text
//!             slot's namespace                         host
//!  guest ── tap0 ──┬── eth0 ═══════════ roost-vN ──┬── uplink
//!   .21     .22    │                               │
//!           source and MAC pinned           source pinned to the link
//!           no IPv6                         no IPv6
//!           :53 → this process (names)      nothing into the host
//!           the sandbox's own lists         drop non-public targets and other slots
//!           reject non-public targets       masquerade
//!           SNAT to the veth address
//!           metadata: guest ↔ engine
//!           host address → guest,           into a slot: replies, and the host's own
//!             from the host only              connections
//! ```
//!
//! # Beside other firewalls
//!
//! A packet passes only if *every* table on the machine lets it pass: an accept here does not undo a drop elsewhere.
//! Where another table drops what is forwarded by default (Docker sets `iptables -P FORWARD DROP`, firewalld rejects),
//! guests have no network until that table accepts packets from `roost-v*` and the replies to them, for instance
//! `iptables -I DOCKER-USER -i roost-v+ -j ACCEPT` and
//! `iptables -I DOCKER-USER -o roost-v+ -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`.

pub(crate) mod egress;
pub(crate) mod host;
mod own;
pub(crate) mod slot;
mod terms;

pub(crate) use terms::delete_table;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::addresses::AddressPlan;

/// What is not the internet: RFC 6890's special-purpose blocks that are not globally reachable. Documentation ranges are
/// left out, since nothing lives there.
const NOT_PUBLIC: [(Ipv4Addr, u8); 11] = [
    (Ipv4Addr::UNSPECIFIED, 8),          // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),     // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),  // carrier-grade NAT, and some clouds' metadata
    (Ipv4Addr::new(127, 0, 0, 0), 8),    // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local: the guests themselves, the clouds' metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),  // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),   // protocol assignments
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),  // benchmarking
    (Ipv4Addr::new(224, 0, 0, 0), 4),    // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),    // reserved, and broadcast
];

/// Where no guest may connect: [`NOT_PUBLIC`] and the slots' own ranges, as disjoint blocks (nftables refuses others).
pub(crate) fn forbidden_targets(plan: &AddressPlan) -> Vec<Ipv4Net> {
    let mut blocks: Vec<_> = NOT_PUBLIC
        .map(|(address, len)| Ipv4Net::new_assert(address, len))
        .into();
    blocks.extend([plan.veth_range(), plan.host_range()]);
    Ipv4Net::aggregate(&blocks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forbids(plan: &AddressPlan, address: Ipv4Addr) -> bool {
        forbidden_targets(plan)
            .iter()
            .any(|block| block.contains(&address))
    }

    fn plan(veth: Ipv4Net, host: Ipv4Net) -> AddressPlan {
        AddressPlan::new(veth, host)
    }

    #[test]
    fn named_addresses_are_judged_right() {
        let plan = plan("10.12.0.0/16".parse().unwrap(), "203.0.113.0/25".parse().unwrap());
        for inside in [
            "0.1.2.3",
            "10.0.0.1",
            "10.12.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(forbids(&plan, inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.0",
            "203.0.113.128",
        ] {
            assert!(!forbids(&plan, outside.parse().unwrap()), "{outside}");
        }
    }

    proptest! {
        #[test]
        fn blocks_are_disjoint_and_cover_every_slot(veth in any::<u32>(), host in any::<u32>(), len in 8_u8..=31) {
            let range = |bits| Ipv4Net::new(Ipv4Addr::from_bits(bits), len).unwrap().trunc();
            let plan = plan(range(veth), range(host));
            let blocks = forbidden_targets(&plan);
            for (index, a) in blocks.iter().enumerate() {
                for b in &blocks[index + 1..] {
                    prop_assert!(!a.contains(b) && !b.contains(a), "{} and {}", a, b);
                }
            }
            for number in [0, plan.capacity() / 2, plan.capacity() - 1] {
                let slot = plan.addresses(number).unwrap();
                for address in [slot.host_end, slot.slot_end, slot.host_address] {
                    prop_assert!(blocks.iter().any(|block| block.contains(&address)));
                }
            }
        }
    }
}
