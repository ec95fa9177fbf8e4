//! E2B's `Template`.

use roost_domain::fleet::{Fleet, View};
use roost_domain::template::Template as State;
use roost_schemas::{TemplateName, TenantId};
use serde::Serialize;

use crate::dto::rfc3339;
use crate::e2b::ENVD_VERSION;
use crate::error::ApiError;

/// Reads a template's name; one with `:default`, as SDKs write it without a tag of its own, is the name. What is wrong with
/// it is told as that of `field`.
pub(in crate::e2b) fn name(field: &str, text: &str) -> Result<TemplateName, ApiError> {
    let name = text.strip_suffix(":default").unwrap_or(text);
    TemplateName::new(name).map_err(|error| ApiError::invalid(format!("{field}: {error}")))
}

/// What a sandbox can start from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::e2b) struct Template {
    #[serde(rename = "templateID")]
    id: String,
    /// Its image's digest, or the snapshot that it is: what has other content has another.
    #[serde(rename = "buildID")]
    build_id: String,
    cpu_count: u32,
    #[serde(rename = "memoryMB")]
    memory_mb: u32,
    #[serde(rename = "diskSizeMB")]
    disk_size_mb: u64,
    /// Whether everybody may start from it; a snapshot is its tenant's own.
    public: bool,
    aliases: [String; 1],
    names: [String; 1],
    created_at: String,
    updated_at: String,
    /// Not told: an image came with a host, a snapshot by somebody with this API key.
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
        let (build_id, resources) = match (&view.state.registered, &view.state.saved) {
            (Some(image), _) => (image.digest.clone(), image.defaults),
            (None, Some(saved)) => (saved.snapshot.id.to_string(), saved.resources),
            (None, None) => return None,
        };
        let spawned = fleet.sandboxes().filter(|(owner, _, sandbox)| {
            let requested = sandbox.state.requested.as_ref();
            *owner == tenant && requested.is_some_and(|requested| requested.spec.template == *name)
        });
        let (count, last) = spawned.fold((0, None), |(count, last), (_, _, sandbox)| {
            (count + 1, last.max(Some(sandbox.created_at)))
        });
        Some(Self {
            id: name.to_string(),
            build_id,
            cpu_count: resources.vcpus,
            memory_mb: resources.memory_mb,
            disk_size_mb: fleet.drive_mb(tenant, name),
            public: view.state.registered.is_some(),
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
