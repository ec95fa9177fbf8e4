//! E2B's `ListedSandbox` and `SandboxDetail`.

use std::collections::BTreeMap;

use roost_domain::fleet::{Fleet, View};
use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::spec::OnTimeout;
use roost_schemas::tenant::Scope;
use roost_schemas::{SandboxId, TenantId};
use serde::Serialize;
use utoipa::ToSchema;

use super::network::Network;
use crate::dto::rfc3339;
use crate::e2b::ENVD_VERSION;
use crate::state::Gateway;

/// A sandbox in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bListedSandbox)]
pub(in crate::e2b) struct Listed {
    #[serde(rename = "templateID")]
    template_id: String,
    /// Of the template, whose only name it is here.
    alias: String,
    #[serde(rename = "sandboxID")]
    #[schema(pattern = "^[a-z0-9]{1,40}$")]
    sandbox_id: String,
    /// The host it is placed on.
    #[serde(rename = "clientID")]
    client_id: String,
    #[schema(format = DateTime)]
    started_at: String,
    /// When its time is over; of one that is paused, since when it is.
    #[schema(format = DateTime)]
    end_at: String,
    cpu_count: u32,
    #[serde(rename = "memoryMB")]
    memory_mb: u32,
    /// Of the drive that it writes to.
    #[serde(rename = "diskSizeMB")]
    disk_size_mb: u64,
    metadata: BTreeMap<String, String>,
    state: State,
    envd_version: &'static str,
    /// There are no volumes.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    volume_mounts: [(); 0],
}

/// What E2B knows as a sandbox's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = E2bSandboxState)]
pub(in crate::e2b) enum State {
    /// Its guest answers; or it is being paused.
    Running,
    /// It stands still; or it is being resumed.
    Paused,
}

impl State {
    /// That of a sandbox that E2B's clients see.
    pub(in crate::e2b) fn of(phase: Phase) -> Option<Self> {
        match phase {
            Phase::Running | Phase::Pausing => Some(Self::Running),
            Phase::Paused | Phase::Resuming => Some(Self::Paused),
            _ => None,
        }
    }
}

impl Listed {
    /// Of a sandbox that runs, or is paused.
    pub(in crate::e2b) fn of(
        fleet: &Fleet,
        tenant: &TenantId,
        id: &SandboxId,
        view: &View<Sandbox>,
    ) -> Option<Self> {
        let sandbox = &view.state;
        let requested = sandbox.requested.as_ref()?;
        let template = &requested.spec.template;
        Some(Self {
            template_id: template.to_string(),
            alias: template.to_string(),
            sandbox_id: id.to_string(),
            client_id: sandbox.placed.as_ref()?.host.to_string(),
            started_at: rfc3339(sandbox.running.as_ref()?.started_at),
            // A paused one has no end: since when it is as it is stands there instead.
            end_at: rfc3339(sandbox.expires_at.unwrap_or(view.updated_at)),
            cpu_count: requested.resources.vcpus,
            memory_mb: requested.resources.memory_mb,
            disk_size_mb: fleet.drive_mb(tenant, template),
            metadata: requested.spec.metadata.clone(),
            state: State::of(sandbox.phase)?,
            envd_version: ENVD_VERSION,
            volume_mounts: [],
        })
    }
}

/// A sandbox by itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bSandboxDetail)]
pub(in crate::e2b) struct Detail {
    #[serde(flatten)]
    listed: Listed,
    /// For the agent; told to whom may run something in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    envd_access_token: Option<String>,
    allow_internet_access: bool,
    domain: String,
    network: Network,
    lifecycle: Lifecycle,
}

/// What becomes of a sandbox whose time is over.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bLifecycle)]
struct Lifecycle {
    /// Whether a request for what is in it resumes it when it is paused.
    auto_resume: bool,
    #[schema(pattern = "^(kill|pause)$")]
    on_timeout: &'static str,
}

impl Detail {
    /// Of a sandbox that runs, or is paused.
    pub(in crate::e2b) fn of(gateway: &Gateway, id: &SandboxId, view: &View<Sandbox>) -> Option<Self> {
        let sandbox = &view.state;
        let spec = &sandbox.requested.as_ref()?.spec;
        let listed = |fleet: &Fleet| Listed::of(fleet, gateway.tenant(), id, view);
        let may_run = gateway.caller().scope >= Scope::Run;
        Some(Self {
            listed: gateway.fleet().read(listed)?,
            envd_access_token: may_run.then(|| gateway.tokens().access(id)),
            allow_internet_access: sandbox.network.internet,
            domain: gateway.domain().to_owned(),
            network: Network::of(&sandbox.network),
            lifecycle: Lifecycle {
                auto_resume: spec.auto_resume,
                on_timeout: match spec.on_timeout {
                    OnTimeout::Kill => "kill",
                    OnTimeout::Pause => "pause",
                },
            },
        })
    }
}
