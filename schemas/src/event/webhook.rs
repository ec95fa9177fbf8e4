//! What happens to a webhook.

use serde::{Deserialize, Serialize};

use crate::id::{SandboxId, Sequence};
use crate::webhook::WebhookSpec;

/// A fact about one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(
    tag = "type",
    content = "data",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum WebhookEvent {
    /// What happens from here on is told.
    Created(WebhookSpec),
    /// A commit could not be told, and is put aside.
    GivenUp(GivenUp),
    /// What was put aside is to be tried again.
    RedeliveryAsked(RedeliveryAsked),
    /// A commit that was put aside was told after all.
    Redelivered(Redelivered),
    /// Nothing is told any more.
    Deleted,
}

/// See [`WebhookEvent::GivenUp`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenUp {
    /// Where the commit stands.
    pub sequence: Sequence,
    /// The sandbox that it is about.
    pub sandbox: SandboxId,
    /// How often it was tried.
    pub attempts: u32,
    /// How the last try ended.
    pub reason: String,
}

/// See [`WebhookEvent::RedeliveryAsked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RedeliveryAsked {
    /// Where the commit stands.
    pub sequence: Sequence,
}

/// See [`WebhookEvent::Redelivered`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Redelivered {
    /// Where the commit stands.
    pub sequence: Sequence,
}
