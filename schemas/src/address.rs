//! Which addresses are the internet, and which are somebody's own network or no place at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::network::Cidr;

/// IPv4 ranges that are not the internet, by IANA's registry of special-purpose addresses.
const SPECIAL_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only IPv6 range that is given out for the internet.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What of it is not: protocols of the IETF (Teredo among them), documentation, 6to4 with an IPv4 address inside.
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether `address` is a single host on the internet: not private, not of this machine or link, not reserved, and not an
/// IPv6 address that stands for an IPv4 address which is none.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !SPECIAL_V4
            .iter()
            .any(|(net, prefix)| shares_v4(v4, *net, *prefix)),
        IpAddr::V6(v6) => {
            shares_v6(v6, GLOBAL_V6.0, GLOBAL_V6.1)
                && !SPECIAL_V6
                    .iter()
                    .any(|(net, prefix)| shares_v6(v6, *net, *prefix))
        }
    }
}

impl Cidr {
    /// Whether `address` lies in it. An IPv4 address that is written as IPv6 is still one.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address(), address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(v4)) => shares_v4(v4, net, self.prefix()),
            (IpAddr::V6(net), IpAddr::V6(v6)) => shares_v6(v6, net, self.prefix()),
            _ => false,
        }
    }
}

/// Whether the first `prefix` bits of both are the same.
fn shares_v4(address: Ipv4Addr, net: Ipv4Addr, prefix: u8) -> bool {
    let differ = address.to_bits() ^ net.to_bits();
    differ.checked_shr(32 - u32::from(prefix)).unwrap_or(0) == 0
}

fn shares_v6(address: Ipv6Addr, net: Ipv6Addr, prefix: u8) -> bool {
    let differ = address.to_bits() ^ net.to_bits();
    differ.checked_shr(128 - u32::from(prefix)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_internet_is_told_from_it() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_range_contains_its_own_and_no_other_family() {
        let contains = |range: &str, address: &str| {
            let range: Cidr = range.parse().unwrap();
            range.contains(address.parse().unwrap())
        };
        assert!(contains("127.0.0.0/8", "127.9.9.9") && contains("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(!contains("127.0.0.0/8", "128.0.0.1") && !contains("127.0.0.0/8", "::1"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "2001::1") && contains("10.0.0.1", "10.0.0.1"));
        assert!(!contains("10.0.0.1", "10.0.0.2") && !contains("fd00::/64", "fd00:0:0:1::"));
    }
}
