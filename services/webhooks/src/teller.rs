//! One webhook: what comes from its feed is told to its target, in order for each sandbox, and then settled.
//!
//! ```text
//!   feed ─▶ prepare ─ not of interest ───────────────────────────────▶ settled
//!              │
//!              ▼          2xx
//!           lanes ─ try ───────────────────────────────────────────▶ settled
//!              ▲      │ failed
//!              ├──────┤ patience left, and not in everybody's way
//!              │      ▼ none left
//!              └── put aside ─ on record ───────────────────────────▶ settled
//! ```
//!
//! What cannot be put on record, because the log is away or the webhook has put aside as much as it may, is tried on.

mod again;
mod prepare;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use metrics::{counter, histogram};
use roost_domain::webhook::Command;
use roost_journal::port::{Feed, FeedId, Feeds, Handed, Journal, JournalError, MAX_HANDED, Ticket};
use roost_runtime::Refusal;
use roost_runtime::fleet::FleetHandle;
use roost_schemas::event::GivenUp;
use roost_schemas::subject::EventFilter;
use roost_schemas::token::TokenKey;
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{SandboxId, Sequence, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::lanes::{Lanes, Start};
use crate::message::Signer;
use crate::pace::Pace;
use crate::post::{Failure, Post, Posting};
use crate::record::Recorder;
use again::Again;
use prepare::Prepared;

/// Requests to one webhook's target at a time.
const AT_ONCE: usize = 8;
/// How often a commit is tried in vain while others are taken, until it may not hold up all of these any longer.
const ALONE: u32 = 8;

/// What all tellers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) feeds: Arc<dyn Feeds>,
    pub(crate) fleet: FleetHandle,
    pub(crate) post: Arc<dyn Post>,
    pub(crate) key: TokenKey,
    pub(crate) pace: Pace,
}

/// What a commit says, or why it cannot be told at all.
type Content = Result<Bytes, Arc<str>>;

/// A commit in its lane.
#[derive(Debug, Clone)]
struct Item {
    sequence: Sequence,
    content: Content,
}

/// How a try ended.
enum Outcome {
    Told,
    Failed(Failure),
    /// Patience is over, and it is on record that the commit was put aside; or why that could not be put on record.
    PutAside(Result<Sequence, Refusal>),
}

/// See the module.
pub(crate) struct Teller {
    shared: Shared,
    id: FeedId,
    spec: WebhookSpec,
    recorder: Recorder,
    signer: Signer,
    feed: Feed,
    lanes: Lanes<Item>,
    tickets: BTreeMap<Sequence, Ticket>,
    tries: JoinSet<(SandboxId, u32, Outcome)>,
    again: Again,
    /// Until when the target has asked to be left alone.
    quiet_until: Option<Instant>,
}

/// What comes next.
enum Next {
    Handed(Option<Handed>),
    Tried(SandboxId, u32, Outcome),
    Due,
    Asked,
}

/// Why nothing can be told to a webhook yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotYet {
    #[error(transparent)]
    Log(#[from] Refusal),
    #[error(transparent)]
    Feed(#[from] JournalError),
    #[error("the log has nothing of it")]
    Unknown,
}

impl Teller {
    /// Takes up the feed of `id` where it stands.
    pub(crate) async fn begin(
        shared: Shared,
        id: FeedId,
        spec: WebhookSpec,
        asked: watch::Receiver<BTreeSet<Sequence>>,
    ) -> Result<Self, NotYet> {
        let recorder = Recorder::new(Arc::clone(&shared.journal), &id);
        let began = recorder.began().await?.ok_or(NotYet::Unknown)?;
        let filter = EventFilter::Sandboxes(id.tenant.clone());
        let feed = shared.feeds.take(&id, &filter, began).await?;
        Ok(Self {
            signer: Signer::new(&shared.key, &id),
            recorder,
            feed,
            lanes: Lanes::new(),
            tickets: BTreeMap::new(),
            tries: JoinSet::new(),
            again: Again::new(asked),
            quiet_until: None,
            shared,
            id,
            spec,
        })
    }

    /// Tells until it is dropped, or the feed ends.
    pub(crate) async fn run(mut self) {
        loop {
            self.start();
            match self.next().await {
                Next::Handed(Some(handed)) => {
                    let sequence = handed.sequence;
                    match self.prepare(sequence, handed.record).await {
                        Prepared::Pass => handed.ticket.settle(),
                        Prepared::Tell(sandbox, content) => {
                            self.tickets.insert(sequence, handed.ticket);
                            self.lanes
                                .push(sandbox, Item { sequence, content }, Instant::now());
                        }
                    }
                }
                Next::Handed(None) => return,
                Next::Tried(sandbox, tries, outcome) => self.tried(&sandbox, tries, outcome),
                Next::Due => {}
                Next::Asked => self.try_again(),
            }
        }
    }

    async fn next(&mut self) -> Next {
        let due = self.lanes.next_due().filter(|_| self.tries.len() < AT_ONCE);
        let due = due.map(|due| self.quiet_until.map_or(due, |until| until.max(due)));
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // In this order, so that a seed tells what a test meets. Nobody is starved: as much is handed out as is settled.
            biased;
            Some(ended) = self.tries.join_next() => match ended {
                Ok((sandbox, tries, outcome)) => Next::Tried(sandbox, tries, outcome),
                // Which one it was is not known any more. A panic is ours, and the next life of this teller tells on.
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
            () = self.again.is_due() => Next::Asked,
            handed = self.feed.next() => Next::Handed(handed),
            () = due => Next::Due,
        }
    }

    /// Begins what is due.
    fn start(&mut self) {
        let now = Instant::now();
        if self.quiet_until.is_some_and(|until| now < until) {
            return;
        }
        while self.tries.len() < AT_ONCE {
            let Some(start) = self.lanes.start(now) else {
                return;
            };
            let Start {
                sandbox,
                item,
                tries,
                tried_for,
                alone,
            } = start;
            // Nothing more is handed out: what waits behind this one is in the way of everybody else's.
            let is_in_the_way = alone >= ALONE && self.tickets.len() >= MAX_HANDED;
            let is_last = tries > 1 && (tried_for >= self.shared.pace.patience || is_in_the_way);
            let Item { sequence, content } = item;
            let body = match content {
                Ok(body) => body,
                Err(reason) => {
                    self.put_aside(sandbox, sequence, tries, reason.to_string());
                    continue;
                }
            };
            let (post, posting) = (Arc::clone(&self.shared.post), self.posting(sequence, body));
            let (recorder, of) = (self.recorder.clone(), sandbox.clone());
            self.tries.spawn(async move {
                let outcome = match tell(&*post, posting).await {
                    Ok(()) => Outcome::Told,
                    Err(failure) if is_last => {
                        let given_up = given_up(sequence, of.clone(), tries, failure.to_string());
                        Outcome::PutAside(recorder.record(Command::GiveUp(given_up)).await)
                    }
                    Err(failure) => Outcome::Failed(failure),
                };
                (of, tries, outcome)
            });
        }
    }

    fn put_aside(&mut self, sandbox: SandboxId, sequence: Sequence, tries: u32, reason: String) {
        let recorder = self.recorder.clone();
        self.tries.spawn(async move {
            let given_up = given_up(sequence, sandbox.clone(), tries, reason);
            let put = recorder.record(Command::GiveUp(given_up)).await;
            (sandbox, tries, Outcome::PutAside(put))
        });
    }

    fn posting(&self, sequence: Sequence, body: Bytes) -> Posting {
        let headers = self.signer.sign(sequence, Timestamp::now(), &body);
        Posting {
            url: self.spec.url.clone(),
            headers,
            body,
        }
    }

    fn tried(&mut self, sandbox: &SandboxId, tries: u32, outcome: Outcome) {
        let (tenant, webhook) = (&self.id.tenant, &self.id.webhook);
        match outcome {
            Outcome::Told => {
                self.lanes.takes(Instant::now());
                self.settle(sandbox);
            }
            Outcome::PutAside(Ok(_)) => {
                tracing::warn!(%tenant, %webhook, %sandbox, tries, "a commit is put aside");
                counter!("roost_webhook_put_aside_total").increment(1);
                self.settle(sandbox);
            }
            Outcome::PutAside(Err(refusal)) => {
                tracing::warn!(%tenant, %webhook, %sandbox, %refusal, "a commit cannot be put aside; it is tried on");
                self.lanes
                    .again(sandbox, Instant::now() + self.shared.pace.pause(tries));
            }
            Outcome::Failed(failure) => {
                let (now, pause) = (Instant::now(), self.shared.pace.pause(tries));
                tracing::debug!(%tenant, %webhook, %sandbox, tries, %failure, ?pause, "not told yet");
                self.lanes.again(sandbox, now + pause);
                let asked = failure.asks_for().map(|asked| self.shared.pace.granted(asked));
                self.quiet_until = self.quiet_until.max(asked.map(|asked| now + asked));
            }
        }
    }

    fn settle(&mut self, sandbox: &SandboxId) {
        let done = self.lanes.done(sandbox, Instant::now());
        let ticket = done.and_then(|item| self.tickets.remove(&item.sequence));
        if let Some(ticket) = ticket {
            ticket.settle();
        }
    }
}

/// Posts once, and counts it.
async fn tell(post: &dyn Post, posting: Posting) -> Result<(), Failure> {
    let began = Instant::now();
    let told = post.post(posting).await;
    let outcome = told.as_ref().map_or_else(Failure::word, |()| "told");
    counter!("roost_webhook_tries_total", "outcome" => outcome).increment(1);
    histogram!("roost_webhook_try_seconds").record(began.elapsed().as_secs_f64());
    told
}

fn given_up(sequence: Sequence, sandbox: SandboxId, attempts: u32, reason: String) -> GivenUp {
    GivenUp {
        sequence,
        sandbox,
        attempts,
        reason,
    }
}
