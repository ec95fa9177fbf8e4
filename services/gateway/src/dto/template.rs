//! A template as users see it.

use roost_domain::fleet::View;
use roost_domain::template::Template as State;
use roost_schemas::TemplateName;
use roost_schemas::spec::Resources;
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;

/// What a sandbox can start from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Template {
    name: String,
    kind: Kind,
    /// Digest of the base image, as `blake3:<hex>`, or of the snapshot's seal.
    digest: String,
    /// Bytes of the base image, or those that the snapshot added to its host's store.
    bytes: u64,
    /// What a sandbox gets that asks for nothing else; of a snapshot, what it has in any case.
    vcpus: u32,
    /// The same in MiB.
    memory_mb: u32,
    /// When it was last registered with other content, or made.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// What a template is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// An image that its hosts bring, which sandboxes boot, or restore as booted.
    Image,
    /// A snapshot of a sandbox, with everything that ran in it; GET /v1/snapshots tells more.
    Snapshot,
}

impl Template {
    pub(crate) fn of(name: &TemplateName, view: &View<State>) -> Option<Self> {
        let State { registered, saved } = &view.state;
        let (kind, digest, bytes, Resources { vcpus, memory_mb }) = match (registered, saved) {
            (Some(image), _) => (Kind::Image, image.digest.clone(), image.bytes, image.defaults),
            (None, Some(saved)) => {
                let snapshot = &saved.snapshot;
                let digest = snapshot.seal.to_string();
                (Kind::Snapshot, digest, snapshot.stored_bytes, saved.resources)
            }
            (None, None) => return None,
        };
        Some(Self {
            name: name.to_string(),
            kind,
            digest,
            bytes,
            vcpus,
            memory_mb,
            updated_at: rfc3339(view.updated_at),
        })
    }
}

/// All templates.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Templates {
    pub(crate) templates: Vec<Template>,
}
