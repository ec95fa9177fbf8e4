//! What a sandbox may reach, and who may reach it.

mod cidr;
mod name;
mod target;

use serde::{Deserialize, Serialize};

pub use cidr::{Cidr, InvalidCidr};
pub use name::{InvalidName, NamePattern};
pub use target::{InvalidTarget, Target};

/// Entries each list may have.
pub const MAX_RULES: usize = 256;

/// A sandbox's network policy. This machine, private ranges, other sandboxes and link-local addresses are out of reach
/// whatever it says. Sandboxes have IPv4 alone, so IPv6 ranges have nothing to match.
///
/// A name stands for the addresses that it resolved to when the sandbox last asked, for as long as that answer lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Whether the internet can be reached; if not, only what [`NetworkPolicy::allow`] lists. Where that is nothing, names
    /// cannot be resolved either, and where it lists names, only those: a question for a name carries data out.
    #[serde(default = "yes")]
    pub internet: bool,
    /// Reachable in any case; wins over [`NetworkPolicy::deny`].
    #[serde(default)]
    pub allow: Vec<Target>,
    /// Not reachable.
    #[serde(default)]
    pub deny: Vec<Cidr>,
    /// Whether its ports are open to everybody; if not, a traffic token is needed.
    #[serde(default = "yes")]
    pub public: bool,
    /// The `Host` that its servers are shown, `${PORT}` standing for the port; absent: the one the client sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_host: Option<String>,
}

fn yes() -> bool {
    true
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            internet: true,
            allow: Vec::new(),
            deny: Vec::new(),
            public: true,
            mask_host: None,
        }
    }
}

impl NetworkPolicy {
    /// What a guest has that nobody may speak to yet, and that may speak to nobody.
    pub fn closed() -> Self {
        Self {
            internet: false,
            public: false,
            ..Self::default()
        }
    }

    /// The names among what is allowed.
    pub fn names(&self) -> impl Iterator<Item = &NamePattern> {
        self.allow.iter().filter_map(|target| match target {
            Target::Name(name) => Some(name),
            Target::Range(_) => None,
        })
    }

    /// Whether it is what a sandbox has that asked for nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_the_default() {
        let policy: NetworkPolicy = serde_json::from_str("{}").unwrap();
        assert!(policy.is_default() && policy.internet && policy.public);
    }
}
