//! E2B's network settings, and the policy that they stand for.

use std::str::FromStr;

use roost_schemas::network::{Cidr, NetworkPolicy, Target};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::absent::{no_entries, no_fields, nothing};
use crate::dto::text::{AddressRange, Destination};
use crate::error::ApiError;

/// What a sandbox may reach; what is absent is as in a sandbox that asked for nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bNetworkUpdate)]
pub(in crate::e2b) struct Egress {
    /// What can be reached in any case; wins over `denyOut`. Addresses, ranges, names, and `*.example.com` for all below one.
    /// A name needs `allow_internet_access: false`, or something in `denyOut`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Destination>>, max_items = 256)]
    allow_out: Option<Vec<String>>,
    /// Addresses and ranges that cannot be reached.
    #[serde(default)]
    #[schema(value_type = Option<Vec<AddressRange>>, max_items = 256)]
    deny_out: Option<Vec<String>>,
    #[serde(default, rename = "egressProxy")]
    #[schema(schema_with = nothing)]
    proxy: Option<IgnoredAny>,
    #[serde(default)]
    #[schema(schema_with = no_fields)]
    rules: Option<Map<String, Value>>,
    /// Whether the internet can be reached; if not, only what `allowOut` lists. It can if this is absent.
    #[serde(default, rename = "allow_internet_access")]
    allow_internet_access: Option<bool>,
}

impl Egress {
    /// Replaces what `policy` says of the sandbox's reach.
    pub(in crate::e2b) fn apply(&self, policy: &mut NetworkPolicy) -> Result<(), ApiError> {
        if self.proxy.is_some() {
            return Err(unavailable("egressProxy"));
        }
        if self.rules.as_ref().is_some_and(|rules| !rules.is_empty()) {
            return Err(unavailable("rules"));
        }
        let allowed =
            "use addresses, ranges such as 1.2.3.0/24, and domains such as example.com and *.example.com";
        policy.allow = entries("allowOut", self.allow_out.as_deref(), allowed)?;
        let denied = "use addresses and ranges such as 1.2.3.0/24; domains can only be allowed";
        policy.deny = entries("denyOut", self.deny_out.as_deref(), denied)?;
        policy.internet = self.allow_internet_access.unwrap_or(true);
        Ok(())
    }
}

/// The same at a create, with who may reach the sandbox.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bNewNetwork)]
pub(in crate::e2b) struct NewNetwork {
    #[serde(flatten)]
    egress: Egress,
    /// Whether its ports are open to everybody; if not, the answer has a `trafficAccessToken`. They are if this is absent.
    #[serde(default)]
    allow_public_traffic: Option<bool>,
    /// The `Host` that its servers are shown, `${PORT}` standing for the port; absent or empty: the one the client sent.
    #[serde(default)]
    #[schema(pattern = "^[!-~]{0,255}$")]
    mask_request_host: Option<String>,
    #[serde(default)]
    #[schema(schema_with = no_entries)]
    https_ports: Option<Vec<IgnoredAny>>,
}

impl NewNetwork {
    /// The policy it stands for.
    pub(in crate::e2b) fn policy(self) -> Result<NetworkPolicy, ApiError> {
        if self.https_ports.is_some_and(|ports| !ports.is_empty()) {
            return Err(unavailable("httpsPorts"));
        }
        let mut policy = NetworkPolicy::default();
        self.egress.apply(&mut policy)?;
        policy.public = self.allow_public_traffic.unwrap_or(true);
        policy.mask_host = self.mask_request_host.filter(|host| !host.is_empty());
        Ok(policy)
    }
}

/// Of what E2B offers and Roost does not.
fn unavailable(field: &str) -> ApiError {
    ApiError::invalid(format!(
        "network.{field} is not available yet: leave it out, or use allowOut and denyOut"
    ))
}

/// The entries of the list `field`; `remedy` is told to who wrote one that is none.
fn entries<T: FromStr>(field: &str, entries: Option<&[String]>, remedy: &str) -> Result<Vec<T>, ApiError> {
    let read = |entry: &String| {
        entry
            .parse()
            .map_err(|_| ApiError::invalid(format!("network.{field} has {entry:?}: {remedy}")))
    };
    entries.unwrap_or_default().iter().map(read).collect()
}

/// A policy as E2B tells it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bNetwork)]
pub(in crate::e2b) struct Network {
    allow_public_traffic: bool,
    #[schema(value_type = Vec<String>)]
    allow_out: Vec<Target>,
    #[schema(value_type = Vec<String>)]
    deny_out: Vec<Cidr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_request_host: Option<String>,
}

impl Network {
    pub(in crate::e2b) fn of(policy: &NetworkPolicy) -> Self {
        Self {
            allow_public_traffic: policy.public,
            allow_out: policy.allow.clone(),
            deny_out: policy.deny.clone(),
            mask_request_host: policy.mask_host.clone(),
        }
    }
}
