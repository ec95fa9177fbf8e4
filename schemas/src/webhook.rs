//! A webhook: where a tenant is told what happens to its sandboxes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is told, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookSpec {
    /// Where events are posted to: `http` or `https`.
    pub url: String,
    /// The types of the events that are told, such as `running`; none: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Labels that a sandbox must have for its events to be told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}
