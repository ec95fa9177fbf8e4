//! What happens to sandboxes and webhooks, written to a log as the router and the hosts would.

use std::collections::BTreeMap;
use std::sync::Arc;

use roost_domain::webhook::{Command, Webhook};
use roost_journal::port::{Append, FeedId, Journal};
use roost_runtime::Ledger;
use roost_schemas::command::{Envelope, WebhookChange};
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{Requested, SandboxEvent};
use roost_schemas::spec::{Resources, SandboxSpec};
use roost_schemas::subject::EventSubject;
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId, Timestamp, WebhookId};

pub(crate) fn tenant() -> TenantId {
    TenantId::first()
}

pub(crate) fn sandbox(name: &str) -> SandboxId {
    SandboxId::new(name).unwrap()
}

pub(crate) fn feed(webhook: &str) -> FeedId {
    FeedId {
        tenant: tenant(),
        webhook: WebhookId::new(webhook).unwrap(),
    }
}

/// Of all events of all sandboxes.
pub(crate) fn all() -> WebhookSpec {
    WebhookSpec {
        url: "https://example.com/hook".to_owned(),
        types: Vec::new(),
        metadata: BTreeMap::new(),
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Log(pub(crate) Arc<dyn Journal>);

impl Log {
    /// Appends `events` of `sandbox`; their place.
    pub(crate) async fn happens(&self, of: &str, events: Vec<SandboxEvent>) -> Sequence {
        let commit = Commit {
            command_id: CommandId::random(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(1),
            principal: "test".into(),
            events,
        };
        self.append(of, &commit.command_id, commit.encode()).await
    }

    /// Appends what may be no commit.
    pub(crate) async fn append(&self, of: &str, command: &CommandId, payload: Vec<u8>) -> Sequence {
        let subject = EventSubject::sandbox(tenant(), sandbox(of));
        let mut expected = Sequence::default();
        loop {
            let stored = self.0.append(&subject, expected, command, payload.clone().into());
            match stored.await.unwrap() {
                Append::Stored(sequence) => return sequence,
                Append::Conflict(others) => expected = others.last().unwrap().sequence,
            }
        }
    }

    /// A sandbox is asked for, with these labels.
    pub(crate) async fn requested(&self, of: &str, labels: &[(&str, &str)]) -> Sequence {
        let spec: SandboxSpec = serde_json::from_value(serde_json::json!({
            "template": "base",
            "metadata": labels.iter().copied().collect::<BTreeMap<_, _>>(),
        }))
        .unwrap();
        let requested = Requested {
            spec,
            resources: Resources {
                vcpus: 1,
                memory_mb: 128,
            },
            from: None,
        };
        self.happens(of, vec![SandboxEvent::Requested(requested)]).await
    }

    pub(crate) async fn change(&self, webhook: &str, change: WebhookChange) {
        let FeedId { tenant, webhook } = feed(webhook);
        let subject = EventSubject::webhook(tenant, webhook);
        let mut ledger = Ledger::<Webhook>::load(Arc::clone(&self.0), subject)
            .await
            .unwrap();
        let envelope = Envelope {
            command_id: CommandId::random(),
            at: Timestamp(1),
            principal: "test".into(),
            command: Command::Change(change),
        };
        ledger.execute(&envelope).await.unwrap();
    }
}
