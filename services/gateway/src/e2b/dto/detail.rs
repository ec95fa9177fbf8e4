//! E2B's `ListedSandbox` and `SandboxDetail`.

use std::collections::BTreeMap;

use roost_domain::fleet::Fleet;
use roost_domain::sandbox::Sandbox;
use roost_schemas::SandboxId;
use serde::Serialize;

use super::network::Network;
use crate::dto::rfc3339;
use crate::e2b::ENVD_VERSION;
use crate::state::Gateway;

/// A sandbox in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::e2b) struct Listed {
    #[serde(rename = "templateID")]
    template_id: String,
    alias: String,
    #[serde(rename = "sandboxID")]
    sandbox_id: String,
    #[serde(rename = "clientID")]
    client_id: String,
    started_at: String,
    end_at: String,
    cpu_count: u32,
    #[serde(rename = "memoryMB")]
    memory_mb: u32,
    #[serde(rename = "diskSizeMB")]
    disk_size_mb: u64,
    metadata: BTreeMap<String, String>,
    state: State,
    envd_version: &'static str,
    /// There are no volumes.
    volume_mounts: [(); 0],
}

/// What E2B knows as a sandbox's state, as far as there is such a sandbox here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Running,
}

impl Listed {
    /// Of a sandbox that runs.
    pub(in crate::e2b) fn of(fleet: &Fleet, id: &SandboxId, sandbox: &Sandbox) -> Option<Self> {
        let requested = sandbox.requested.as_ref()?;
        let template = &requested.spec.template;
        Some(Self {
            template_id: template.to_string(),
            alias: template.to_string(),
            sandbox_id: id.to_string(),
            client_id: sandbox.placed.as_ref()?.host.to_string(),
            started_at: rfc3339(sandbox.running.as_ref()?.started_at),
            end_at: rfc3339(sandbox.expires_at?),
            cpu_count: requested.resources.vcpus,
            memory_mb: requested.resources.memory_mb,
            disk_size_mb: disk_mb(fleet, template),
            metadata: requested.spec.metadata.clone(),
            state: State::Running,
            envd_version: ENVD_VERSION,
            volume_mounts: [],
        })
    }
}

/// MiB that a sandbox may write; where the log does not tell, those of the base image.
pub(super) fn disk_mb(fleet: &Fleet, template: &roost_schemas::TemplateName) -> u64 {
    let registered = fleet
        .template(&roost_schemas::TenantId::system(), template)
        .and_then(|view| view.state.registered.as_ref());
    let bytes = registered.map_or(0, |registered| registered.drive_bytes.unwrap_or(registered.bytes));
    bytes.div_ceil(1 << 20)
}

/// A sandbox by itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::e2b) struct Detail {
    #[serde(flatten)]
    listed: Listed,
    envd_access_token: String,
    allow_internet_access: bool,
    domain: String,
    network: Network,
    lifecycle: Lifecycle,
}

/// What becomes of a sandbox whose time is over.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    auto_resume: bool,
    on_timeout: &'static str,
}

impl Detail {
    /// Of a sandbox that runs.
    pub(in crate::e2b) fn of(gateway: &Gateway, id: &SandboxId, sandbox: &Sandbox) -> Option<Self> {
        Some(Self {
            listed: gateway.fleet().read(|fleet| Listed::of(fleet, id, sandbox))?,
            envd_access_token: gateway.tokens().access(id),
            allow_internet_access: sandbox.network.internet,
            domain: gateway.domain().to_owned(),
            network: Network::of(&sandbox.network),
            lifecycle: Lifecycle {
                auto_resume: false,
                on_timeout: "kill",
            },
        })
    }
}
