//! A template as users see it.

use roost_domain::fleet::View;
use roost_domain::template::Template as State;
use roost_schemas::TemplateName;
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;

/// What a sandbox can start from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Template {
    name: String,
    /// Digest of its base image, as `blake3:<hex>`.
    digest: String,
    /// Bytes of its base image.
    bytes: u64,
    /// What a sandbox gets that asks for nothing else.
    vcpus: u32,
    /// The same in MiB.
    memory_mb: u32,
    /// When it was last registered with other content.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl Template {
    pub(crate) fn of(name: &TemplateName, view: &View<State>) -> Option<Self> {
        let registered = view.state.registered.as_ref()?;
        Some(Self {
            name: name.to_string(),
            digest: registered.digest.clone(),
            bytes: registered.bytes,
            vcpus: registered.defaults.vcpus,
            memory_mb: registered.defaults.memory_mb,
            updated_at: rfc3339(view.updated_at),
        })
    }
}

/// All templates.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Templates {
    pub(crate) templates: Vec<Template>,
}
