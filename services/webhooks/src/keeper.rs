//! Keeps a teller for each webhook that there is, and none for those that are deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use roost_journal::port::{FeedId, Feeds, Journal};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::Sequence;
use roost_schemas::token::TokenKey;
use roost_schemas::webhook::WebhookSpec;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::sleep;

use crate::pace::Pace;
use crate::post::Post;
use crate::teller::{Shared, Teller};

/// How often the fleet is looked at, at the most.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// How long a look waits for news.
const NEWS: Duration = Duration::from_secs(5);
/// How long it takes until a teller that could not begin, or that ended, begins anew.
const ANEW: Duration = Duration::from_secs(1);
/// How long folding the log may take before feeds are tidied up.
const FOLD_PATIENCE: Duration = Duration::from_mins(1);

/// See the module.
pub struct Keeper {
    shared: Shared,
    tellers: JoinSet<()>,
    running: BTreeMap<FeedId, Running>,
    /// Whether feeds may be there that no webhook has.
    untidy: bool,
}

struct Running {
    task: AbortHandle,
    asked: watch::Sender<BTreeSet<Sequence>>,
}

/// A webhook that tells, and what is asked for of what it put aside.
type Telling = BTreeMap<FeedId, (WebhookSpec, BTreeSet<Sequence>)>;

impl Keeper {
    /// One that tells what `journal` has, which `fleet` follows.
    pub fn new(
        journal: Arc<dyn Journal>,
        feeds: Arc<dyn Feeds>,
        fleet: FleetHandle,
        post: Arc<dyn Post>,
        key: TokenKey,
        pace: Pace,
    ) -> Self {
        Self {
            shared: Shared {
                journal,
                feeds,
                fleet,
                post,
                key,
                pace,
            },
            tellers: JoinSet::new(),
            running: BTreeMap::new(),
            untidy: true,
        }
    }

    /// Keeps until it is dropped.
    pub async fn run(mut self) {
        loop {
            let seen = self.shared.fleet.applied();
            self.reap();
            let telling = self.telling();
            self.adjust(&telling).await;
            if self.untidy {
                self.tidy().await;
            }
            sleep(BETWEEN_LOOKS).await;
            self.shared.fleet.wait_for(Sequence(seen.0 + 1), NEWS).await;
        }
    }

    fn telling(&self) -> Telling {
        let (telling, aside) = self.shared.fleet.read(|fleet| {
            let mut aside = 0;
            let telling: Telling = fleet
                .webhooks()
                .filter_map(|(tenant, webhook, view)| {
                    let id = FeedId {
                        tenant: tenant.clone(),
                        webhook: webhook.clone(),
                    };
                    let spec = view.state.tells()?.clone();
                    aside += view.state.aside.len();
                    let asked = view.state.aside.iter().filter(|(_, aside)| aside.asked);
                    Some((id, (spec, asked.map(|(sequence, _)| *sequence).collect())))
                })
                .collect();
            (telling, aside)
        });
        #[expect(clippy::cast_precision_loss, reason = "they are far fewer than 2^52")]
        {
            gauge!("roost_webhooks").set(telling.len() as f64);
            gauge!("roost_webhook_dead_letters").set(aside as f64);
        }
        telling
    }

    /// Begins, ends and informs tellers, until they are those of `telling`.
    async fn adjust(&mut self, telling: &Telling) {
        let gone: Vec<_> = self
            .running
            .keys()
            .filter(|id| !telling.contains_key(*id))
            .cloned()
            .collect();
        for id in gone {
            if let Some(running) = self.running.remove(&id) {
                self.end(&running.task).await;
                self.untidy = true;
            }
        }
        for (id, (spec, asked)) in telling {
            match self.running.get(id) {
                Some(running) => {
                    running.asked.send_if_modified(|known| {
                        let changed = known != asked;
                        known.clone_from(asked);
                        changed
                    });
                }
                None => self.begin(id, spec, asked),
            }
        }
    }

    fn begin(&mut self, id: &FeedId, spec: &WebhookSpec, asked: &BTreeSet<Sequence>) {
        let (sender, asked) = watch::channel(asked.clone());
        let (shared, of, spec) = (self.shared.clone(), id.clone(), spec.clone());
        let task = self.tellers.spawn(async move {
            loop {
                match Teller::begin(shared.clone(), of.clone(), spec.clone(), asked.clone()).await {
                    Ok(teller) => teller.run().await,
                    Err(reason) => tracing::warn!(feed = %of, %reason, "nothing can be told yet"),
                }
                sleep(ANEW).await;
            }
        });
        let running = Running { task, asked: sender };
        self.running.insert(id.clone(), running);
    }

    /// Ends a teller and waits until it is gone: then it makes no feed behind the back of whoever tidies up.
    async fn end(&mut self, task: &AbortHandle) {
        task.abort();
        while !task.is_finished() {
            let Some(ended) = self.tellers.join_next().await else {
                return;
            };
            self.forget(ended);
        }
    }

    /// Forgets tellers that ended: only a panic ends one that was not told to.
    fn reap(&mut self) {
        while let Some(ended) = self.tellers.try_join_next() {
            self.forget(ended);
        }
    }

    fn forget(&mut self, ended: Result<(), JoinError>) {
        let Err(error) = ended else { return };
        if error.is_panic() {
            tracing::error!(%error, "a teller panicked; it begins anew");
        }
        self.running.retain(|_, running| running.task.id() != error.id());
    }

    /// Forgets the feeds of webhooks that are deleted.
    async fn tidy(&mut self) {
        match self.forget_stale().await {
            Ok(()) => self.untidy = false,
            Err(reason) => tracing::warn!(reason, "feeds of deleted webhooks are still there"),
        }
    }

    async fn forget_stale(&self) -> Result<(), String> {
        let feeds = self.shared.feeds.all().await.map_err(|error| error.to_string())?;
        // A feed is made after its webhook: what the fleet does not have now is not there any more.
        let caught_up = self.shared.fleet.catch_up(&*self.shared.journal, FOLD_PATIENCE);
        caught_up.await.map_err(|error| error.to_string())?;
        let telling = self.telling();
        for feed in feeds.iter().filter(|feed| !telling.contains_key(feed)) {
            let forgotten = self.shared.feeds.forget(feed).await;
            forgotten.map_err(|error| error.to_string())?;
            tracing::info!(%feed, "forgotten, together with its webhook");
        }
        Ok(())
    }
}
