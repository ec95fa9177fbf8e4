//! A request for a sandbox.

use std::collections::BTreeMap;

use roost_schemas::TemplateName;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::spec::{DEFAULT_TIMEOUT_SEC, SandboxSpec};
use serde::Deserialize;
use utoipa::ToSchema;

use super::network::Network;
use super::text::VariableName;

/// What is absent comes from the template.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSandbox {
    /// What it starts from; GET /v1/templates lists the names.
    #[schema(value_type = String, example = "base", pattern = "^[a-z0-9][a-z0-9_-]{0,62}$")]
    template: TemplateName,
    /// Virtual CPUs. A template that is a snapshot has what its sandbox had, and nothing else can be asked for.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 32)]
    vcpus: Option<u32>,
    /// Memory in MiB; the same holds for it.
    #[serde(default)]
    #[schema(minimum = 96, maximum = 262_144)]
    memory_mb: Option<u32>,
    /// Seconds from running to `on_timeout`.
    #[serde(default = "default_timeout_sec")]
    #[schema(minimum = 1, maximum = 604_800, default = 300)]
    timeout_sec: u32,
    /// What happens then.
    #[serde(default)]
    on_timeout: OnTimeout,
    /// What becomes of it when its host is down.
    #[serde(default)]
    on_host_down: OnHostDown,
    /// Whether a request for what is in it, such as an exec or one for a port, resumes it when it is paused. It then runs
    /// for `timeout_sec`, but for 300 seconds at least.
    #[serde(default)]
    auto_resume: bool,
    /// Your own labels; the list can be filtered by them. At most 64 pairs and 16 KiB.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Environment variables of every program. At most 64 pairs and 16 KiB.
    #[serde(default)]
    #[schema(value_type = BTreeMap<VariableName, String>)]
    env: BTreeMap<String, String>,
    /// What it may reach, and who may reach it; absent: the internet, and everybody.
    #[serde(default)]
    network: Option<Network>,
}

fn default_timeout_sec() -> u32 {
    DEFAULT_TIMEOUT_SEC
}

/// What becomes of a sandbox whose time is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnTimeout {
    /// It is stopped for good.
    #[default]
    Kill,
    /// It is paused, and can be resumed.
    Pause,
}

impl From<roost_schemas::spec::OnTimeout> for OnTimeout {
    fn from(on_timeout: roost_schemas::spec::OnTimeout) -> Self {
        match on_timeout {
            roost_schemas::spec::OnTimeout::Kill => Self::Kill,
            roost_schemas::spec::OnTimeout::Pause => Self::Pause,
        }
    }
}

impl From<OnTimeout> for roost_schemas::spec::OnTimeout {
    fn from(on_timeout: OnTimeout) -> Self {
        match on_timeout {
            OnTimeout::Kill => Self::Kill,
            OnTimeout::Pause => Self::Pause,
        }
    }
}

/// What becomes of a sandbox whose host is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnHostDown {
    /// It is lost.
    #[default]
    Lose,
    /// It goes back to what it was paused as, or snapshotted as, last, and runs again where that is kept as soon as that
    /// host is there. One that never was is lost.
    Resume,
}

impl From<OnHostDown> for roost_schemas::spec::OnHostDown {
    fn from(on_host_down: OnHostDown) -> Self {
        match on_host_down {
            OnHostDown::Lose => Self::Lose,
            OnHostDown::Resume => Self::Resume,
        }
    }
}

impl From<CreateSandbox> for SandboxSpec {
    fn from(create: CreateSandbox) -> Self {
        let CreateSandbox {
            template,
            vcpus,
            memory_mb,
            timeout_sec,
            on_timeout,
            on_host_down,
            auto_resume,
            metadata,
            env,
            network,
        } = create;
        Self {
            template,
            vcpus,
            memory_mb,
            timeout_sec,
            on_timeout: on_timeout.into(),
            on_host_down: on_host_down.into(),
            auto_resume,
            metadata,
            env,
            network: network.map(NetworkPolicy::from).unwrap_or_default(),
        }
    }
}
