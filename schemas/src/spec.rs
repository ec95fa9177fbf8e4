//! What a user asks a sandbox to be, and the limits within which that makes sense.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::TemplateName;
use crate::network::NetworkPolicy;

/// vCPUs a sandbox may have.
pub const VCPUS: std::ops::RangeInclusive<u32> = 1..=32;
/// Memory a sandbox may have, in MiB. Below the minimum the guest kernel and its agent do not fit.
pub const MEMORY_MB: std::ops::RangeInclusive<u32> = 96..=262_144;
/// How long a sandbox may live, in seconds: a week, which is far above any known use and far below overflow.
pub const TIMEOUT_SEC: std::ops::RangeInclusive<u32> = 1..=604_800;
/// The lifetime of a sandbox whose creator named none, in seconds.
pub const DEFAULT_TIMEOUT_SEC: u32 = 300;
/// Pairs of metadata, or of environment variables, that a sandbox may carry.
pub const MAX_PAIRS: usize = 64;
/// Bytes of all keys and values of one such map.
pub const MAX_PAIR_BYTES: usize = 16 * 1024;

/// A request for a sandbox, as a command carries it. What is absent comes from the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SandboxSpec {
    /// What it starts from.
    pub template: TemplateName,
    /// Virtual CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<u32>,
    /// Memory in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Seconds from running to [`SandboxSpec::on_timeout`].
    #[serde(default = "default_timeout_sec")]
    pub timeout_sec: u32,
    /// What happens then.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// What becomes of it when its host is down.
    #[serde(default, skip_serializing_if = "OnHostDown::is_default")]
    pub on_host_down: OnHostDown,
    /// Whether a request for what runs in it resumes it when it is paused.
    #[serde(default, skip_serializing_if = "crate::codec::is_false")]
    pub auto_resume: bool,
    /// The user's own labels.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Environment variables of every process.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What it may reach and who may reach it.
    #[serde(default, skip_serializing_if = "NetworkPolicy::is_default")]
    pub network: NetworkPolicy,
}

fn default_timeout_sec() -> u32 {
    DEFAULT_TIMEOUT_SEC
}

/// What becomes of a sandbox whose time is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// It is stopped for good.
    #[default]
    Kill,
    /// It is paused, and can be resumed.
    Pause,
}

/// What becomes of a sandbox whose host is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnHostDown {
    /// It is lost.
    #[default]
    Lose,
    /// It goes back to what it was sealed as last, if it ever was, and is resumed where that is kept.
    Resume,
}

impl OnHostDown {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a placed sandbox is made of: the request with the template's values filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mb: u32,
}
