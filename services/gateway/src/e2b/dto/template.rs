//! E2B's `Template`.

use std::collections::BTreeMap;

use roost_domain::fleet::{Fleet, View};
use roost_domain::template::Template as State;
use roost_schemas::{TemplateName, TenantId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

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
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bTemplate)]
pub(in crate::e2b) struct Template {
    /// What a create names.
    #[serde(rename = "templateID")]
    #[schema(example = "base")]
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
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1)]
    aliases: [String; 1],
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1)]
    names: [String; 1],
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Not told: an image came with a host, a snapshot by somebody with this API key.
    #[schema(schema_with = never)]
    created_by: Option<()>,
    #[schema(format = DateTime)]
    last_spawned_at: Option<String>,
    /// Sandboxes that this tenant has made from it.
    spawn_count: usize,
    build_count: u32,
    /// The version that the agent speaks as.
    envd_version: &'static str,
    #[schema(pattern = "^ready$")]
    build_status: &'static str,
}

/// The sandboxes that were made from a template.
#[derive(Clone, Copy, Default)]
struct Spawned {
    count: usize,
    last: Option<Timestamp>,
}

/// What stands there for the sake of clients that look for it.
fn never() -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    null.description(Some("Not told.")).build().into()
}

impl Template {
    /// All of them, as `tenant` has used them.
    pub(in crate::e2b) fn all(fleet: &Fleet, tenant: &TenantId) -> Vec<Self> {
        // One look at the whole history, however many templates there are.
        let mut spawned = BTreeMap::<_, Spawned>::new();
        for (owner, _, sandbox) in fleet.sandboxes() {
            if let (true, Some(requested)) = (owner == tenant, &sandbox.state.requested) {
                let spawned = spawned.entry(&requested.spec.template).or_default();
                spawned.count += 1;
                spawned.last = spawned.last.max(Some(sandbox.created_at));
            }
        }
        let of = |(name, view)| {
            let spawned = spawned.get(name).copied().unwrap_or_default();
            Self::of(fleet, tenant, name, view, spawned)
        };
        fleet.templates(tenant).filter_map(of).collect()
    }

    fn of(
        fleet: &Fleet,
        tenant: &TenantId,
        name: &TemplateName,
        view: &View<State>,
        spawned: Spawned,
    ) -> Option<Self> {
        let (build_id, resources) = match (&view.state.registered, &view.state.saved) {
            (Some(image), _) => (image.digest.clone(), image.defaults),
            (None, Some(saved)) => (saved.snapshot.id.to_string(), saved.resources),
            (None, None) => return None,
        };
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
            last_spawned_at: spawned.last.map(rfc3339),
            spawn_count: spawned.count,
            build_count: 1,
            envd_version: ENVD_VERSION,
            build_status: "ready",
        })
    }
}
