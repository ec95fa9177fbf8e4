//! What happens to a host.

use serde::{Deserialize, Serialize};

use super::EngineKind;
use crate::codec;
use crate::id::LifeId;
use crate::spec::Resources;

/// A fact about one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(
    tag = "type",
    content = "data",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum HostEvent {
    /// It takes sandboxes.
    Registered(Registered),
    /// It takes no more.
    Drained,
    /// It was silent for longer than its lease; it runs nothing any more until it registers again.
    Down(Down),
}

/// See [`HostEvent::Registered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// All that its sandboxes together may use.
    pub capacity: Resources,
    /// Sandboxes it holds at most.
    pub max_sandboxes: u32,
    /// What runs them.
    pub engine: EngineKind,
    /// That engine's version.
    pub engine_version: String,
    /// The release of the host agent.
    pub release: String,
    /// Where gateways reach its edge, such as `http://127.0.0.1:40123`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// The record of its lease by which it took it (see [`crate::lease`]): later lives have greater ones.
    #[serde(default, skip_serializing_if = "codec::is_zero")]
    pub lease: u64,
}

/// See [`HostEvent::Down`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Down {
    /// The life of its agent that fell silent.
    pub life: LifeId,
    /// The record by which its lease was revoked: a life that has registered by a greater one came after.
    #[serde(default, skip_serializing_if = "codec::is_zero")]
    pub lease: u64,
}
