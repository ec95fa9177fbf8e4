//! What a sandbox may reach, and who may reach it.

use roost_schemas::network::{Cidr, NetworkPolicy, Target};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::{AddressRange, Destination};

/// A sandbox's network policy. This machine, private ranges, other sandboxes and link-local addresses are out of reach
/// whatever it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// Whether the internet can be reached; if not, only what `allow` lists.
    /// Where that is nothing, names cannot be resolved either, and where it lists names, only those.
    #[serde(default = "yes")]
    #[schema(default = true)]
    internet: bool,
    /// What can be reached in any case; wins over `deny`. Addresses, ranges such as `1.2.3.0/24`, names such as
    /// `example.com`, and `*.example.com` for all below one. A name needs `internet: false`, or something to `deny`.
    /// At most 256.
    #[serde(default)]
    #[schema(value_type = Vec<Destination>, max_items = 256)]
    allow: Vec<Target>,
    /// Addresses and ranges that cannot be reached. At most 256.
    #[serde(default)]
    #[schema(value_type = Vec<AddressRange>, max_items = 256)]
    deny: Vec<Cidr>,
    /// Whether its ports are open to everybody; if not, a traffic token is needed.
    #[serde(default = "yes")]
    #[schema(default = true)]
    public: bool,
    /// The `Host` that its servers are shown, `${PORT}` standing for the port; absent: the one the client sent.
    #[serde(default)]
    #[schema(pattern = "^[!-~]{1,255}$")]
    mask_host: Option<String>,
}

fn yes() -> bool {
    true
}

impl From<Network> for NetworkPolicy {
    fn from(network: Network) -> Self {
        let Network {
            internet,
            allow,
            deny,
            public,
            mask_host,
        } = network;
        Self {
            internet,
            allow,
            deny,
            public,
            mask_host,
        }
    }
}

impl From<NetworkPolicy> for Network {
    fn from(policy: NetworkPolicy) -> Self {
        let NetworkPolicy {
            internet,
            allow,
            deny,
            public,
            mask_host,
        } = policy;
        Self {
            internet,
            allow,
            deny,
            public,
            mask_host,
        }
    }
}
