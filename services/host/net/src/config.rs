//! What a slot pool is told, and the checks that refuse a configuration that could not work.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use ipnet::Ipv4Net;

use crate::addresses::AddressPlan;
use crate::steps::StepHook;
use crate::tag::Tag;

/// How the slots of one host instance are made.
#[derive(Clone)]
pub struct Config {
    /// Tells this instance's slots from those of others on the machine.
    pub tag: Tag,
    /// Folder for namespace and owner files of all instances; each uses the subfolder of its tag. Should be on a tmpfs,
    /// because namespaces do not survive a reboot either.
    pub directory: PathBuf,
    /// Where the /31 veth pairs come from.
    pub veth_range: Ipv4Net,
    /// Where the /32 host-reachable addresses come from.
    pub host_range: Ipv4Net,
    /// The DNS resolver that is asked for the guests, by this machine; see [`crate::resolver`].
    pub resolver: SocketAddrV4,
    /// User id of the engine in slot 0, where engines do not run as root: the TAP of slot N belongs to that id plus N.
    pub tap_owners: Option<u32>,
    /// How many unclaimed slots to keep ready.
    pub warm: usize,
    /// How many slots may be under construction or destruction at once.
    pub concurrency: usize,
    /// The `nft` program: a name looked up in `PATH`, or a path.
    pub nft: PathBuf,
    /// Called before each step of making a slot; an error makes the step fail. For timing and fault injection.
    pub step_hook: Option<StepHook>,
}

/// A configuration that could not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Address bits beyond the prefix are set.
    #[error("{name} {range} has bits beyond its prefix: write {expected}")]
    NotANetwork {
        /// Which setting.
        name: &'static str,
        /// Its value.
        range: Ipv4Net,
        /// The network it lies in.
        expected: Ipv4Net,
    },
    /// Too wide to be an address plan, or too narrow for one slot.
    #[error("{name} {range} must have a prefix of /8 to /{longest}")]
    BadSize {
        /// Which setting.
        name: &'static str,
        /// Its value.
        range: Ipv4Net,
        /// The longest prefix that still holds one slot.
        longest: u8,
    },
    /// Two ranges share addresses.
    #[error("{name} {range} overlaps {other} ({why}): choose a range apart from it")]
    Overlap {
        /// Which setting.
        name: &'static str,
        /// Its value.
        range: Ipv4Net,
        /// What it overlaps.
        other: Ipv4Net,
        /// What the other range is for.
        why: &'static str,
    },
    /// A resolver that could never be asked.
    #[error("resolver {resolver} cannot serve the guests: {why}")]
    BadResolver {
        /// Its value.
        resolver: SocketAddrV4,
        /// Why not, and what to do.
        why: &'static str,
    },
    /// More warm slots than slot numbers.
    #[error(
        "warm = {warm} is more than the {capacity} slots that {veth} and {host} hold: lower it or widen the ranges"
    )]
    TooManyWarm {
        /// Its value.
        warm: usize,
        /// How many slots there are.
        capacity: u32,
        /// The veth range.
        veth: Ipv4Net,
        /// The host range.
        host: Ipv4Net,
    },
    /// Nothing could ever be made.
    #[error("concurrency = 0 would never make a slot: use at least 1")]
    NoConcurrency,
}

/// Ranges with a meaning of their own, in which slots must not lie.
const RESERVED: [(Ipv4Net, &str); 4] = [
    (net(0, 8), "this network"),
    (net(127, 8), "loopback"),
    (
        Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
        "link-local, the guests' own",
    ),
    (net(224, 3), "multicast and reserved"),
];

const fn net(first: u8, prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(first, 0, 0, 0), prefix_len)
}

impl Config {
    /// The defaults: veth pairs from 10.12.0.0/16, host addresses from 10.11.0.0/16, four warm slots.
    pub fn new(tag: Tag, resolver: SocketAddrV4) -> Self {
        Self {
            tag,
            directory: PathBuf::from("/run/roost/net"),
            veth_range: Ipv4Net::new_assert(Ipv4Addr::new(10, 12, 0, 0), 16),
            host_range: Ipv4Net::new_assert(Ipv4Addr::new(10, 11, 0, 0), 16),
            resolver,
            tap_owners: None,
            warm: 4,
            concurrency: 4,
            nft: PathBuf::from("nft"),
            step_hook: None,
        }
    }

    /// Checks every setting against the others and yields the address plan.
    pub fn validate(&self) -> Result<AddressPlan, ConfigError> {
        let (veth, host) = (self.veth_range, self.host_range);
        check_range("veth_range", veth, 31)?;
        check_range("host_range", host, 32)?;
        if overlap(veth, host) {
            let why = "host_range";
            return Err(ConfigError::Overlap {
                name: "veth_range",
                range: veth,
                other: host,
                why,
            });
        }
        self.check_resolver()?;
        if self.concurrency == 0 {
            return Err(ConfigError::NoConcurrency);
        }
        let plan = AddressPlan::new(veth, host);
        let capacity = plan.capacity();
        if u32::try_from(self.warm).map_or(true, |warm| warm > capacity) {
            return Err(ConfigError::TooManyWarm {
                warm: self.warm,
                capacity,
                veth,
                host,
            });
        }
        Ok(plan)
    }

    fn check_resolver(&self) -> Result<(), ConfigError> {
        let address = self.resolver.ip();
        let bad = |why| {
            Err(ConfigError::BadResolver {
                resolver: self.resolver,
                why,
            })
        };
        if address.is_unspecified()
            || address.is_multicast()
            || address.is_broadcast()
            || self.resolver.port() == 0
        {
            return bad("it is not the address and port of a server");
        }
        if self.veth_range.contains(address) || self.host_range.contains(address) {
            return bad("it lies in a range that slots take their addresses from");
        }
        Ok(())
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("tag", &self.tag)
            .field("directory", &self.directory)
            .field("veth_range", &self.veth_range)
            .field("host_range", &self.host_range)
            .field("resolver", &self.resolver)
            .field("tap_owners", &self.tap_owners)
            .field("warm", &self.warm)
            .field("concurrency", &self.concurrency)
            .field("nft", &self.nft)
            .finish_non_exhaustive()
    }
}

fn check_range(name: &'static str, range: Ipv4Net, longest: u8) -> Result<(), ConfigError> {
    if range.trunc() != range {
        return Err(ConfigError::NotANetwork {
            name,
            range,
            expected: range.trunc(),
        });
    }
    // Shorter than /8 would need link names longer than the kernel allows, and swallow half the internet.
    if !(8..=longest).contains(&range.prefix_len()) {
        return Err(ConfigError::BadSize { name, range, longest });
    }
    match RESERVED.iter().find(|(other, _)| overlap(range, *other)) {
        Some(&(other, why)) => Err(ConfigError::Overlap {
            name,
            range,
            other,
            why,
        }),
        None => Ok(()),
    }
}

fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("t".parse().unwrap(), "192.0.2.53:53".parse().unwrap())
    }

    #[test]
    fn defaults_are_valid() {
        assert_eq!(config().validate().unwrap().capacity(), 32_768);
    }

    #[test]
    fn ranges_are_checked() {
        for (veth, host, complaint) in [
            (
                "10.12.0.1/16",
                "10.11.0.0/16",
                "veth_range 10.12.0.1/16 has bits beyond its prefix: write 10.12.0.0/16",
            ),
            (
                "10.12.0.0/32",
                "10.11.0.0/16",
                "veth_range 10.12.0.0/32 must have a prefix of /8 to /31",
            ),
            (
                "10.12.0.0/16",
                "8.0.0.0/7",
                "host_range 8.0.0.0/7 must have a prefix of /8 to /32",
            ),
            (
                "10.12.0.0/16",
                "10.12.8.0/24",
                "veth_range 10.12.0.0/16 overlaps 10.12.8.0/24 (host_range)",
            ),
            (
                "10.12.8.0/24",
                "10.12.0.0/16",
                "veth_range 10.12.8.0/24 overlaps 10.12.0.0/16 (host_range)",
            ),
            (
                "169.254.128.0/24",
                "10.11.0.0/16",
                "overlaps 169.254.0.0/16 (link-local",
            ),
            ("10.12.0.0/16", "240.0.0.0/8", "overlaps 224.0.0.0/3 (multicast"),
        ] {
            let mut config = config();
            config.veth_range = veth.parse().unwrap();
            config.host_range = host.parse().unwrap();
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn resolvers_that_cannot_be_asked_are_refused() {
        for (resolver, complaint) in [
            ("0.0.0.0:53", "not the address"),
            ("192.0.2.53:0", "not the address"),
            ("10.12.3.4:53", "slots take their addresses from"),
        ] {
            let mut config = config();
            config.resolver = resolver.parse().unwrap();
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(resolver) && error.contains(complaint), "{error}");
        }
        // A private one, this machine's own, and where some clouds have theirs.
        for resolver in ["10.255.255.53:5353", "127.0.0.53:53", "169.254.169.253:53"] {
            let mut config = config();
            config.resolver = resolver.parse().unwrap();
            config.validate().unwrap();
        }
    }

    #[test]
    fn a_pool_that_could_never_fill_is_refused() {
        let mut config = config();
        config.veth_range = "10.12.0.0/30".parse().unwrap();
        config.warm = 3;
        assert!(matches!(
            config.validate(),
            Err(ConfigError::TooManyWarm {
                warm: 3,
                capacity: 2,
                ..
            })
        ));
        config.warm = 2;
        config.concurrency = 0;
        assert_eq!(config.validate(), Err(ConfigError::NoConcurrency));
    }
}
