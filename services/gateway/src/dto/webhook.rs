//! Webhooks as their tenants see them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roost_domain::fleet::View;
use roost_domain::webhook::{Aside, Webhook as State};
use roost_schemas::event::SandboxEvent;
use roost_schemas::token::TokenKey;
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{TenantId, WebhookId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::rfc3339;

/// What is to be told, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// Where events are posted to: `http` or `https`, to a public address. Other URLs than the pattern's are taken too, if
    /// that is what they are.
    #[schema(
        pattern = r"^https?://([a-z0-9]([a-z0-9]|-[a-z0-9]){0,30}\.){1,5}[a-z]{2,20}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~/-]*)?([?][A-Za-z0-9._~=&-]*)?$",
        max_length = 2048,
        example = "https://example.com/hook"
    )]
    url: String,
    /// The types of the events that are told; none: all of them.
    #[serde(default)]
    #[schema(schema_with = types)]
    types: Vec<String>,
    /// Labels that a sandbox must have for its events to be told. At most 64 pairs and 16 KiB.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl From<CreateWebhook> for WebhookSpec {
    fn from(create: CreateWebhook) -> Self {
        let CreateWebhook { url, types, metadata } = create;
        Self { url, types, metadata }
    }
}

/// Some of the types that there are.
fn types() -> RefOr<Schema> {
    let one = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(SandboxEvent::KINDS.iter().copied()));
    let some = ArrayBuilder::new()
        .items(one)
        .unique_items(true)
        .description(Some("The types of the events that are told; none: all of them."));
    some.build().into()
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    #[schema(pattern = "^[a-z0-9]{1,40}$")]
    id: String,
    url: String,
    /// The types of the events that are told; none: all of them.
    types: Vec<String>,
    /// Labels that a sandbox must have for its events to be told.
    metadata: BTreeMap<String, String>,
    /// How many commits could not be told, and are put aside.
    dead_letters: usize,
    #[schema(format = DateTime)]
    created_at: String,
}

impl Webhook {
    /// Of a webhook; nothing if it is deleted.
    pub(crate) fn of(id: &WebhookId, view: &View<State>) -> Option<Self> {
        let spec = view.state.tells()?;
        Some(Self {
            id: id.to_string(),
            url: spec.url.clone(),
            types: spec.types.clone(),
            metadata: spec.metadata.clone(),
            dead_letters: view.state.aside.len(),
            created_at: rfc3339(view.created_at),
        })
    }
}

/// A tenant's webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhooks {
    pub(crate) webhooks: Vec<Webhook>,
}

/// A webhook, and what proves that something comes from it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedWebhook {
    #[serde(flatten)]
    pub(crate) webhook: Webhook,
    #[serde(flatten)]
    pub(crate) secret: Secret,
}

/// With which a target tells what comes from its webhook from what comes from others.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Secret {
    /// As libraries for Standard Webhooks take it.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]{43}=$")]
    secret: String,
}

impl Secret {
    pub(crate) fn of(key: &TokenKey, tenant: &TenantId, webhook: &WebhookId) -> Self {
        let secret = STANDARD.encode(key.webhook(tenant, webhook));
        Self {
            secret: format!("whsec_{secret}"),
        }
    }
}

/// A commit that could not be told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetter {
    /// Where it stands in the log.
    #[schema(minimum = 1)]
    sequence: u64,
    /// The sandbox that it is about.
    #[schema(pattern = "^[a-z0-9]{1,40}$")]
    sandbox: String,
    /// How often it was tried.
    attempts: u32,
    /// How the last try ended.
    reason: String,
    /// Whether it is asked for, and is going to be tried again.
    asked: bool,
}

impl From<&Aside> for DeadLetter {
    fn from(aside: &Aside) -> Self {
        Self {
            sequence: aside.given_up.sequence.0,
            sandbox: aside.given_up.sandbox.to_string(),
            attempts: aside.given_up.attempts,
            reason: aside.given_up.reason.clone(),
            asked: aside.asked,
        }
    }
}

/// What a webhook could not tell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetters {
    pub(crate) dead_letters: Vec<DeadLetter>,
}
