//! A log, a keeper of webhooks, and a target that does as it is told.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use roost_domain::webhook::Aside;
use roost_journal::memory::Memory;
use roost_journal::port::{FeedId, Feeds, Journal};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::Sequence;
use roost_schemas::token::TokenKey;
use roost_webhooks::{Failure, Keeper, Pace, Post, Posting};
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::log::{Log, feed};

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
    log: Log,
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

impl Deref for World {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
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
            log: Log(journal),
            feeds,
            fleet,
            target,
            keeper,
        }
    }

    /// The keeper dies, and another begins.
    pub(crate) fn restart(&mut self) {
        self.keeper.abort();
        self.keeper = keep(&self.log.0, &self.feeds, &self.fleet, &self.target);
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
        // Rarer by and by: in time that passes at once, looking is what takes long.
        let rarest = (within / 600).min(Duration::from_secs(10));
        let mut pause = Duration::from_millis(50);
        let reached = async {
            while !so(self) {
                tokio::time::sleep(pause).await;
                pause = rarest.min(pause * 2);
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
