//! What happens to a template.

use serde::{Deserialize, Serialize};

use crate::id::{SandboxId, TemplateName};
use crate::snapshot::Snapshot;
use crate::spec::Resources;

/// A fact about one template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(
    tag = "type",
    content = "data",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum TemplateEvent {
    /// It can be started from, with this content from now on.
    Registered(Registered),
    /// It can be started from: a snapshot of a sandbox, with everything that ran in it.
    Saved(Saved),
    /// Nothing can be started from it any more.
    Deleted,
}

/// See [`TemplateEvent::Registered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// Digest of the base image, as `blake3:<hex>`.
    pub digest: String,
    /// Bytes of the base image.
    pub bytes: u64,
    /// Bytes of the writable drive that its sandboxes get; absent: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive_bytes: Option<u64>,
    /// What a sandbox gets that asks for nothing else.
    pub defaults: Resources,
}

/// See [`TemplateEvent::Saved`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The sandbox that the snapshot is of.
    pub sandbox: SandboxId,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The image behind it.
    pub base: TemplateName,
    /// What every sandbox of it has; it cannot ask for anything else.
    pub resources: Resources,
}
