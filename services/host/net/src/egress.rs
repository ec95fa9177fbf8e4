//! What a guest may reach of the internet: a sandbox's policy, reduced to what its packet filter has to tell apart.
//!
//! Slots carry IPv4 alone, so a policy's IPv6 ranges have no packet to match and are left out here. Names have no packet
//! to match either: what they stand for is learned when the guest asks for them (see `names`).

use std::net::IpAddr;

use ipnet::Ipv4Net;
use roost_schemas::network::{Cidr, NamePattern, NetworkPolicy, Target};
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

/// [`Egress`], and the names whose addresses are excepted from what it closes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reach {
    /// What it was last told to let through.
    #[serde(default)]
    pub(crate) egress: Egress,
    /// None where nothing is closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<NamePattern>,
}

impl Reach {
    /// Whether the guest may ask for `name`. A guest that may reach nothing may not ask: a question for a name carries
    /// whatever one writes into it to whoever serves that name. For the same reason one that may reach named places alone
    /// may ask for these alone; where ranges are listed and no names, any name may lead into them.
    pub(crate) fn may_resolve(&self, name: &str) -> bool {
        match &self.egress {
            Egress::All | Egress::AllBut { .. } => true,
            Egress::Only(ranges) if self.names.is_empty() => !ranges.is_empty(),
            Egress::Only(_) => self.names.iter().any(|pattern| pattern.covers(name)),
        }
    }
}

impl From<&NetworkPolicy> for Reach {
    fn from(policy: &NetworkPolicy) -> Self {
        let egress = Egress::from(policy);
        let mut names: Vec<_> = match egress {
            Egress::All => Vec::new(),
            Egress::AllBut { .. } | Egress::Only(_) => policy.names().cloned().collect(),
        };
        names.sort_unstable();
        names.dedup();
        Self { egress, names }
    }
}

impl From<&NetworkPolicy> for Egress {
    fn from(policy: &NetworkPolicy) -> Self {
        let allowed = policy.allow.iter().filter_map(|target| match target {
            Target::Range(cidr) => Some(cidr),
            Target::Name(_) => None,
        });
        let (allow, deny) = (ranges(allowed), ranges(&policy.deny));
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
fn ranges<'a>(cidrs: impl IntoIterator<Item = &'a Cidr>) -> Vec<Ipv4Net> {
    let v4 = |cidr: &Cidr| match cidr.address() {
        IpAddr::V4(address) => Ipv4Net::new(address, cidr.prefix()).ok(),
        IpAddr::V6(_) => None,
    };
    Ipv4Net::aggregate(&cidrs.into_iter().filter_map(v4).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(internet: bool, allow: &[&str], deny: &[&str]) -> Reach {
        Reach::from(&NetworkPolicy {
            internet,
            allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
            deny: deny.iter().map(|text| text.parse().unwrap()).collect(),
            ..NetworkPolicy::default()
        })
    }

    fn egress(internet: bool, allow: &[&str], deny: &[&str]) -> Egress {
        reach(internet, allow, deny).egress
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
    fn names_are_kept_where_something_is_closed() {
        assert_eq!(reach(false, &["0.0.0.0/0", "a.com"], &[]), Reach::default());
        let kept = reach(true, &["b.com", "1.2.3.4", "*.a.com", "B.com"], &["5.0.0.0/8"]);
        let names: Vec<_> = kept.names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["*.a.com", "b.com"]);
    }

    #[test]
    fn names_can_be_asked_for_as_far_as_there_is_something_to_reach() {
        assert!(Reach::default().may_resolve("a.com"));
        assert!(reach(true, &["b.com"], &["1.2.3.4"]).may_resolve("a.com"));
        assert!(reach(false, &["1.2.3.4"], &[]).may_resolve("a.com"));
        assert!(!reach(false, &[], &[]).may_resolve("a.com"));
        assert!(
            !reach(false, &["::/0"], &[]).may_resolve("a.com"),
            "no slot has IPv6"
        );
        for named in [
            reach(false, &["*.a.com", "b.com"], &[]),
            reach(true, &["*.a.com", "b.com", "1.2.3.4"], &["0.0.0.0/0"]),
        ] {
            assert!(named.may_resolve("x.a.com") && named.may_resolve("b.com"));
            assert!(!named.may_resolve("a.com") && !named.may_resolve("secret.evil.net"));
        }
    }

    #[test]
    fn what_was_written_before_there_were_names_is_read() {
        let read: Reach = serde_json::from_str(r#"{"egress":{"only":["1.2.3.0/24"]}}"#).unwrap();
        assert_eq!(read, reach(false, &["1.2.3.0/24"], &[]));
        assert_eq!(serde_json::from_str::<Reach>("{}").unwrap(), Reach::default());
    }
}
