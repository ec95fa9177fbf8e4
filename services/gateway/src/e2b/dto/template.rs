//! E2B's `Template`.

use roost_domain::fleet::{Fleet, View};
use roost_domain::template::Template as State;
use roost_schemas::{TemplateName, TenantId};
use serde::Serialize;

use super::detail::disk_mb;
use crate::dto::rfc3339;
use crate::e2b::ENVD_VERSION;

/// What a sandbox can start from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::e2b) struct Template {
    #[serde(rename = "templateID")]
    id: String,
    /// Its content's digest: what is built elsewhere is told apart by it.
    #[serde(rename = "buildID")]
    build_id: String,
    cpu_count: u32,
    #[serde(rename = "memoryMB")]
    memory_mb: u32,
    #[serde(rename = "diskSizeMB")]
    disk_size_mb: u64,
    /// Everybody may start from it.
    public: bool,
    aliases: [String; 1],
    names: [String; 1],
    created_at: String,
    updated_at: String,
    /// Nobody: it came with a host.
    created_by: Option<()>,
    last_spawned_at: Option<String>,
    spawn_count: usize,
    build_count: u32,
    envd_version: &'static str,
    build_status: &'static str,
}

impl Template {
    /// As `tenant` has used it.
    pub(in crate::e2b) fn of(
        fleet: &Fleet,
        tenant: &TenantId,
        name: &TemplateName,
        view: &View<State>,
    ) -> Option<Self> {
        let registered = view.state.registered.as_ref()?;
        let spawned = fleet.sandboxes().filter(|(owner, _, sandbox)| {
            let requested = sandbox.state.requested.as_ref();
            *owner == tenant && requested.is_some_and(|requested| requested.spec.template == *name)
        });
        let (count, last) = spawned.fold((0, None), |(count, last), (_, _, sandbox)| {
            (count + 1, last.max(Some(sandbox.created_at)))
        });
        Some(Self {
            id: name.to_string(),
            build_id: registered.digest.clone(),
            cpu_count: registered.defaults.vcpus,
            memory_mb: registered.defaults.memory_mb,
            disk_size_mb: disk_mb(fleet, name),
            public: true,
            aliases: [name.to_string()],
            names: [name.to_string()],
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
            created_by: None,
            last_spawned_at: last.map(rfc3339),
            spawn_count: count,
            build_count: 1,
            envd_version: ENVD_VERSION,
            build_status: "ready",
        })
    }
}
