//! `PUT /mmds/config`: the metadata service that the guest reads.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Body of `PUT /mmds/config` (`MmdsConfig`). The data itself is any JSON: see `PUT /mmds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MmdsConfig {
    /// How the guest asks.
    #[serde(default)]
    pub version: MmdsVersion,
    /// The interfaces, by `iface_id`, over which it can be asked; at least one, and each put before.
    pub network_interfaces: Vec<String>,
    /// Where it answers, on port 80: a link-local address, [`MmdsConfig::DEFAULT_ADDRESS`] when absent.
    #[serde(default)]
    pub ipv4_address: Option<Ipv4Addr>,
    /// Whether it answers in the text format of EC2's service whatever the guest accepts.
    #[serde(default)]
    pub imds_compat: bool,
}

impl MmdsConfig {
    /// Where the service is when nothing else is said.
    pub const DEFAULT_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

    /// Version 2 over one interface, at the default address.
    pub fn v2(interface: &str) -> Self {
        Self {
            version: MmdsVersion::V2,
            network_interfaces: vec![interface.to_owned()],
            ipv4_address: Some(Self::DEFAULT_ADDRESS),
            imds_compat: false,
        }
    }
}

/// How the guest asks for metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MmdsVersion {
    /// By a plain request; deprecated upstream.
    #[default]
    V1,
    /// With a token that it gets first.
    V2,
}
