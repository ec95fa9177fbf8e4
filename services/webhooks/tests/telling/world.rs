//! A log, a keeper of webhooks, and a target that does as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use roost_domain::webhook::{Aside, Command, Webhook};
use roost_journal::memory::Memory;
use roost_journal::port::{Append, FeedId, Feeds, Journal};
use roost_runtime::Ledger;
use roost_runtime::fleet::FleetHandle;
use roost_schemas::command::{Envelope, WebhookChange};
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{Requested, SandboxEvent};
use roost_schemas::spec::{Resources, SandboxSpec};
use roost_schemas::subject::EventSubject;
use roost_schemas::token::TokenKey;
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId, Timestamp, WebhookId};
use roost_webhooks::{Failure, Keeper, Pace, Post, Posting};
use serde_json::Value;
use tokio::task::AbortHandle;

/// Longer than anything takes that works, in the time of these tests.
const LONG: Duration = Duration::from_hours(200);

/// What was posted: its id and its body.
pub(crate) type Posted = (String, Value);
type Answer = Box<dyn FnMut(&Value) -> Result<(), Failure> + Send>;

/// A target: remembers what it took.
#[derive(Clone)]
pub(crate) struct Target {
    took: Arc<Mutex<Vec<Posted>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Target {
    pub(crate) fn new() -> Self {
        Self {
            took: Arc::default(),
            answer: Arc::new(Mutex::new(Box::new(|_| Ok(())))),
        }
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, answer: impl FnMut(&Value) -> Result<(), Failure> + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    pub(crate) fn took(&self) -> Vec<Posted> {
        self.took.lock().unwrap().clone()
    }

    /// The sequences that it took, by sandbox, in the order in which it did.
    pub(crate) fn by_sandbox(&self) -> BTreeMap<String, Vec<u64>> {
        let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (_, body) in self.took() {
            let sandbox = body["sandbox"].as_str().unwrap().to_owned();
            let sequence = body["events"][0]["sequence"].as_u64().unwrap();
            told.entry(sandbox).or_default().push(sequence);
        }
        told
    }
}

impl Post for Target {
    fn post(&self, posting: Posting) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let body: Value = serde_json::from_slice(posting.body()).unwrap();
            (self.answer.lock().unwrap())(&body)?;
            self.took.lock().unwrap().push((posting.id().to_owned(), body));
            Ok(())
        })
    }
}

pub(crate) struct World {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) feeds: Arc<dyn Feeds>,
    pub(crate) fleet: FleetHandle,
    pub(crate) target: Target,
    keeper: AbortHandle,
}

impl Drop for World {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

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

impl World {
    pub(crate) async fn new() -> Self {
        let memory = Memory::default();
        Self::over(Arc::new(memory.journal()), Arc::new(memory.feeds())).await
    }

    pub(crate) async fn over(journal: Arc<dyn Journal>, feeds: Arc<dyn Feeds>) -> Self {
        let fleet = FleetHandle::start(Arc::clone(&journal), None).await;
        let target = Target::new();
        let keeper = keep(&journal, &feeds, &fleet, &target);
        Self {
            journal,
            feeds,
            fleet,
            target,
            keeper,
        }
    }

    /// The keeper dies, and another begins.
    pub(crate) fn restart(&mut self) {
        self.keeper.abort();
        self.keeper = keep(&self.journal, &self.feeds, &self.fleet, &self.target);
    }

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
            let stored = self
                .journal
                .append(&subject, expected, command, payload.clone().into());
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
        let mut ledger = Ledger::<Webhook>::load(Arc::clone(&self.journal), subject)
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

    /// What `webhook` has put aside.
    pub(crate) fn aside(&self, webhook: &str) -> BTreeMap<Sequence, Aside> {
        let FeedId { tenant, webhook } = feed(webhook);
        self.fleet
            .read(|fleet| {
                fleet
                    .webhook(&tenant, &webhook)
                    .map(|view| view.state.aside.clone())
            })
            .unwrap_or_default()
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, what: &str, so: impl FnMut(&Self) -> bool) {
        self.until_within(LONG, what, so).await;
    }

    /// The same, sooner.
    pub(crate) async fn until_within(&self, within: Duration, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let reached = async {
            while !so(self) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let reached = tokio::time::timeout(within, reached).await;
        assert!(
            reached.is_ok(),
            "never: {what}; it took {:#?}",
            self.target.took()
        );
    }
}

fn keep(
    journal: &Arc<dyn Journal>,
    feeds: &Arc<dyn Feeds>,
    fleet: &FleetHandle,
    target: &Target,
) -> AbortHandle {
    let key: TokenKey = "5a".repeat(32).parse().unwrap();
    let keeper = Keeper::new(
        Arc::clone(journal),
        Arc::clone(feeds),
        fleet.clone(),
        Arc::new(target.clone()),
        key,
        Pace::default(),
    );
    tokio::spawn(keeper.run()).abort_handle()
}
