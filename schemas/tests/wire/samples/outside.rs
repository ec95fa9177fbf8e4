//! The words of who acts from outside, and of who is told: tenants, keys, webhooks.

use std::collections::BTreeMap;

use roost_schemas::command::{ChangeTenant, ChangeWebhook, SandboxCommand, TenantChange, WebhookChange};
use roost_schemas::event::{GivenUp, KeyRevoked, Redelivered, RedeliveryAsked, TenantEvent, WebhookEvent};
use roost_schemas::tenant::{Key, KeyHash, Limits, Scope};
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{KeyId, SandboxId, Sequence, TenantId, Timestamp, WebhookId};

fn key_id() -> KeyId {
    KeyId::new("k0123456789abcdef0123").unwrap()
}

/// As little as can be said of a key, and as much.
fn keys() -> [Key; 2] {
    let lasting = Key {
        id: key_id(),
        name: "ci".into(),
        hash: KeyHash::from_bytes([0xa5; 32]),
        scope: Scope::Run,
        created_at: Timestamp(1_790_000_000_000),
        expires_at: None,
    };
    let ending = Key {
        scope: Scope::Read,
        expires_at: Some(Timestamp(1_790_000_600_000)),
        ..lasting.clone()
    };
    [lasting, ending]
}

fn limits() -> Limits {
    Limits {
        sandboxes: Some(100),
        vcpus: Some(64),
        memory_mb: Some(65_536),
        disk_mb: Some(5_000_000_000),
        requests_per_sec: Some(50),
    }
}

fn spec() -> WebhookSpec {
    WebhookSpec {
        url: "https://hooks.example.com/roost".into(),
        types: vec!["running".into(), "stopped".into()],
        metadata: BTreeMap::from([("owner".into(), "ci".into())]),
    }
}

fn bare() -> WebhookSpec {
    WebhookSpec {
        types: Vec::new(),
        metadata: BTreeMap::new(),
        ..spec()
    }
}

pub(super) fn tenant() -> Vec<(&'static str, Vec<TenantEvent>)> {
    let revoked = KeyRevoked { id: key_id() };
    vec![
        (
            "created",
            vec![
                TenantEvent::Created(Limits::default()),
                TenantEvent::Created(limits()),
            ],
        ),
        ("limits_set", vec![TenantEvent::LimitsSet(limits())]),
        ("key_created", keys().map(TenantEvent::KeyCreated).to_vec()),
        ("key_revoked", vec![TenantEvent::KeyRevoked(revoked)]),
    ]
}

pub(super) fn webhook() -> Vec<(&'static str, Vec<WebhookEvent>)> {
    let sequence = Sequence(12_345);
    let given_up = GivenUp {
        sequence,
        sandbox: SandboxId::new("sb1").unwrap(),
        attempts: 12,
        reason: "503 Service Unavailable".into(),
    };
    vec![
        (
            "created",
            vec![WebhookEvent::Created(bare()), WebhookEvent::Created(spec())],
        ),
        ("given_up", vec![WebhookEvent::GivenUp(given_up)]),
        (
            "redelivery_asked",
            vec![WebhookEvent::RedeliveryAsked(RedeliveryAsked { sequence })],
        ),
        (
            "redelivered",
            vec![WebhookEvent::Redelivered(Redelivered { sequence })],
        ),
        ("deleted", vec![WebhookEvent::Deleted]),
    ]
}

pub(super) fn commands() -> Vec<(&'static str, SandboxCommand)> {
    let tenant = |change| {
        let tenant = TenantId::new("acme").unwrap();
        SandboxCommand::Tenant(ChangeTenant { tenant, change })
    };
    let webhook = |change| {
        let webhook = WebhookId::new("wh0123456789abcdef0123").unwrap();
        SandboxCommand::Webhook(ChangeWebhook { webhook, change })
    };
    let [lasting, ending] = keys();
    vec![
        ("tenant", tenant(TenantChange::Create(Limits::default()))),
        ("tenant.limits", tenant(TenantChange::SetLimits(limits()))),
        ("tenant.key", tenant(TenantChange::CreateKey(lasting))),
        ("tenant.key.ending", tenant(TenantChange::CreateKey(ending))),
        ("tenant.revoke", tenant(TenantChange::RevokeKey(key_id()))),
        ("webhook", webhook(WebhookChange::Create(spec()))),
        ("webhook.all", webhook(WebhookChange::Create(bare()))),
        (
            "webhook.redeliver",
            webhook(WebhookChange::Redeliver(Sequence(12_345))),
        ),
        ("webhook.delete", webhook(WebhookChange::Delete)),
    ]
}
