//! E2B's `Template`.

use roost_domain::fleet::{Fleet, View};
use roost_domain::template::Template as State;
use roost_schemas::{TemplateName, TenantId};
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

/// What stands there for the sake of clients that look for it.
fn never() -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    null.description(Some("Not told.")).build().into()
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
