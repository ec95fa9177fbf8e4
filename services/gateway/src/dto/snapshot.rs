//! Snapshots: those of a sandbox, and those that are templates.

use roost_domain::fleet::View;
use roost_domain::template::Template as State;
use roost_schemas::{SandboxId, TemplateName, snapshot};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;

/// A request to make a template of a sandbox as it is now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSnapshot {
    /// The sandbox, which is running or paused, and goes on as it was.
    #[schema(value_type = String, pattern = "^[a-z0-9]{1,40}$")]
    pub(crate) sandbox_id: SandboxId,
    /// What the template is to be called; absent: a name that no other has.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "warm-cache", pattern = "^[a-z0-9][a-z0-9_-]{0,62}$")]
    pub(crate) name: Option<TemplateName>,
}

/// A template that was made from a sandbox: its memory, its disk, and everything that ran in it.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "beside a sandbox's id, a bare id would be taken for the template's name"
)]
pub(crate) struct Snapshot {
    /// What a create names as its template.
    name: String,
    #[schema(pattern = "^[a-z0-9]{1,40}$")]
    snapshot_id: String,
    /// The sandbox that it is of, which may have ended since.
    sandbox_id: String,
    /// The image behind it.
    base: String,
    /// Bytes that it added to its host's store; what its sandbox had not changed is shared.
    bytes: u64,
    /// What every sandbox of it has.
    vcpus: u32,
    /// The same in MiB.
    memory_mb: u32,
    /// The host that has it, where its sandboxes run.
    host: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl Snapshot {
    /// Of a template; nothing if it is an image.
    pub(crate) fn of(name: &TemplateName, view: &View<State>) -> Option<Self> {
        let saved = view.state.saved.as_ref()?;
        Some(Self {
            name: name.to_string(),
            snapshot_id: saved.snapshot.id.to_string(),
            sandbox_id: saved.sandbox.to_string(),
            base: saved.base.to_string(),
            bytes: saved.snapshot.stored_bytes,
            vcpus: saved.resources.vcpus,
            memory_mb: saved.resources.memory_mb,
            host: saved.snapshot.host.to_string(),
            // A name that was deleted and given again has one log: its last commit is the one that counts.
            created_at: rfc3339(view.updated_at),
        })
    }
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Snapshots {
    pub(crate) snapshots: Vec<Snapshot>,
}

/// A snapshot that a sandbox has of itself: a fork can branch off there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Kept {
    id: String,
    /// Bytes that it added to its host's store.
    bytes: u64,
}

impl From<&snapshot::Snapshot> for Kept {
    fn from(snapshot: &snapshot::Snapshot) -> Self {
        Self {
            id: snapshot.id.to_string(),
            bytes: snapshot.stored_bytes,
        }
    }
}
