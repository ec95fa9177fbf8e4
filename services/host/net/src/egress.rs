//! What a guest may reach of the internet: a sandbox's policy, reduced to what its packet filter has to tell apart.
//!
//! Slots carry IPv4 alone, so a policy's IPv6 ranges have no packet to match and are left out here.

use std::net::IpAddr;

use ipnet::Ipv4Net;
use roost_schemas::network::{Cidr, NetworkPolicy};
use serde::{Deserialize, Serialize};

/// See the module. Ranges are disjoint and none is everything. Whatever stands here, the host, private networks and
/// other sandboxes stay out of reach: that is decided elsewhere, and nothing here can widen it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Egress {
    /// All of it: what a slot is made with.
    #[default]
    All,
    /// All but `deny`, of which `allow` is excepted.
    AllBut { deny: Vec<Ipv4Net>, allow: Vec<Ipv4Net> },
    /// Nothing but these.
    Only(Vec<Ipv4Net>),
}

/// Every address there is.
const EVERYTHING: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0);

impl Egress {
    /// Whether the guest may ask the resolver. A guest that may reach nothing may not: a question for a name carries
    /// whatever one writes into it to whoever serves that name.
    pub(crate) fn may_resolve(&self) -> bool {
        *self != Self::Only(Vec::new())
    }
}

impl From<&NetworkPolicy> for Egress {
    fn from(policy: &NetworkPolicy) -> Self {
        let (allow, deny) = (ranges(&policy.allow), ranges(&policy.deny));
        if allow.contains(&EVERYTHING) {
            Self::All
        } else if !policy.internet || deny.contains(&EVERYTHING) {
            Self::Only(allow)
        } else if deny.is_empty() {
            Self::All
        } else {
            Self::AllBut { deny, allow }
        }
    }
}

/// The IPv4 ranges, overlapping and adjacent ones made one.
fn ranges(cidrs: &[Cidr]) -> Vec<Ipv4Net> {
    let v4 = |cidr: &Cidr| match cidr.address() {
        IpAddr::V4(address) => Ipv4Net::new(address, cidr.prefix()).ok(),
        IpAddr::V6(_) => None,
    };
    Ipv4Net::aggregate(&cidrs.iter().filter_map(v4).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(internet: bool, allow: &[&str], deny: &[&str]) -> Egress {
        let list = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Egress::from(&NetworkPolicy {
            internet,
            allow: list(allow),
            deny: list(deny),
            ..NetworkPolicy::default()
        })
    }

    fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_policy_that_restricts_nothing_is_all() {
        for all in [
            egress(true, &[], &[]),
            egress(true, &["1.2.3.4"], &[]),
            egress(false, &["0.0.0.0/0"], &[]),
            egress(true, &["0.0.0.0/1", "128.0.0.0/1"], &["1.0.0.0/8"]),
            egress(true, &[], &["2001:db8::/32", "::/0"]),
        ] {
            assert_eq!(all, Egress::All);
        }
    }

    #[test]
    fn denying_everything_is_having_no_internet() {
        let only = Egress::Only(nets(&["1.2.3.4/32"]));
        assert_eq!(egress(false, &["1.2.3.4"], &["5.0.0.0/8"]), only);
        assert_eq!(egress(true, &["1.2.3.4"], &["0.0.0.0/0"]), only);
        assert!(only.may_resolve());
    }

    #[test]
    fn ranges_are_made_disjoint() {
        let denied = egress(true, &[], &["1.2.3.4", "1.2.0.0/16", "1.3.0.0/16", "::1"]);
        let expected = Egress::AllBut {
            deny: nets(&["1.2.0.0/15"]),
            allow: Vec::new(),
        };
        assert_eq!(denied, expected);
    }

    #[test]
    fn names_can_be_asked_for_unless_nothing_can_be_reached() {
        assert!(Egress::All.may_resolve() && egress(true, &[], &["1.2.3.4"]).may_resolve());
        assert!(!egress(false, &[], &[]).may_resolve());
        assert!(!egress(false, &["::/0"], &[]).may_resolve(), "no slot has IPv6");
    }
}
