//! What happens to a tenant.

use serde::{Deserialize, Serialize};

use crate::id::KeyId;
use crate::tenant::{Key, Limits};

/// A fact about one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(
    tag = "type",
    content = "data",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum TenantEvent {
    /// It can have sandboxes, as many as this.
    Created(Limits),
    /// It may have this much from now on; what it has stays.
    LimitsSet(Limits),
    /// Whoever holds this key acts for it.
    KeyCreated(Key),
    /// Whoever holds this key acts for it no more.
    KeyRevoked(KeyRevoked),
}

/// See [`TenantEvent::KeyRevoked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {
    /// Which key.
    pub id: KeyId,
}
