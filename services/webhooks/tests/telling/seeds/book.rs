//! What has arrived at the target, held against the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use roost_domain::Aggregate;
use roost_domain::webhook::Webhook;
use roost_journal::memory::{Memory, MemoryFeeds, MemoryJournal};
use roost_schemas::Sequence;
use roost_schemas::commit::Commit;
use roost_schemas::event::WebhookEvent;
use roost_schemas::subject::AggregateId;
use roost_webhooks::Posting;

use crate::log::feed;

/// The only webhook there is.
pub(super) const WEBHOOK: &str = "wh1";
/// One commit in so many is not to the target's taste.
const INDIGESTIBLE: u64 = 7;

/// See the module.
pub(super) struct Book {
    journal: MemoryJournal,
    feeds: MemoryFeeds,
    arrivals: Mutex<Vec<Sequence>>,
    broken: Mutex<Vec<String>>,
    takes_all: AtomicBool,
}

/// What the log says.
#[derive(Default)]
struct Told {
    /// What is to be told, by sandbox.
    commits: BTreeMap<String, Vec<Sequence>>,
    webhook: Webhook,
    /// What was ever put aside, and how often something was told after all.
    put_aside: BTreeSet<Sequence>,
    redelivered: usize,
}

impl Book {
    pub(super) fn new(memory: &Memory) -> Self {
        Self {
            journal: memory.journal(),
            feeds: memory.feeds(),
            arrivals: Mutex::default(),
            broken: Mutex::default(),
            takes_all: AtomicBool::new(false),
        }
    }

    /// From now on everything is to the target's taste.
    pub(super) fn take_all(&self) {
        self.takes_all.store(true, Ordering::SeqCst);
    }

    /// Whether this is refused, however often it comes.
    pub(super) fn refuses(&self, posting: &Posting) -> bool {
        sequence(posting).0.is_multiple_of(INDIGESTIBLE) && !self.takes_all.load(Ordering::SeqCst)
    }

    /// The target has it: so it has, or never will have, all that comes before it.
    pub(super) fn arrives(&self, posting: &Posting) {
        let (log, new) = (self.log(), sequence(posting));
        let mut arrivals = self.arrivals.lock().unwrap();
        let Some(lane) = log.commits.values().find(|lane| lane.contains(&new)) else {
            return self.is_broken(format!("{new} is not to be told"));
        };
        let before = lane.iter().take_while(|sequence| **sequence < new);
        for missing in before.filter(|one| !arrivals.contains(one) && !log.put_aside.contains(one)) {
            self.is_broken(format!("{new} arrived before {missing}"));
        }
        arrivals.push(new);
    }

    /// What is out of hand has arrived, or is on record.
    pub(super) fn check_settled(&self) {
        let log = self.log();
        let arrivals = self.arrivals.lock().unwrap();
        for settled in self.feeds.settled(&feed(WEBHOOK)).unwrap_or_default() {
            if !arrivals.contains(&settled) && !log.put_aside.contains(&settled) {
                self.is_broken(format!("{settled} is settled, and neither arrived nor put aside"));
            }
        }
    }

    pub(super) fn is_broken(&self, what: String) {
        self.broken.lock().unwrap().push(what);
    }

    pub(super) fn broken(&self) -> Vec<String> {
        self.broken.lock().unwrap().clone()
    }

    /// What has neither arrived nor is a dead letter, or is still at work.
    pub(super) fn unfinished(&self) -> Vec<Sequence> {
        let log = self.log();
        let arrivals = self.arrivals.lock().unwrap();
        let settled = self.feeds.settled(&feed(WEBHOOK)).unwrap_or_default();
        let is_finished = |one: &Sequence| {
            let aside = log.webhook.aside.get(one);
            let rests = aside.is_none_or(|aside| !aside.asked);
            settled.contains(one) && rests && (arrivals.contains(one) || aside.is_some())
        };
        let commits = log.commits.into_values().flatten();
        commits.filter(|one| !is_finished(one)).collect()
    }

    /// What is put aside now.
    pub(super) fn aside(&self) -> Vec<Sequence> {
        self.log().webhook.aside.into_keys().collect()
    }

    /// How many commits were put aside, how many were told after all, and how many arrivals were not the first.
    pub(super) fn counts(&self) -> [usize; 3] {
        let log = self.log();
        let arrivals = self.arrivals.lock().unwrap();
        let firsts: BTreeSet<_> = arrivals.iter().collect();
        [
            log.put_aside.len(),
            log.redelivered,
            arrivals.len() - firsts.len(),
        ]
    }

    fn log(&self) -> Told {
        let mut told = Told::default();
        for record in self.journal.stored(Sequence::default()) {
            match &record.subject.aggregate {
                AggregateId::Sandbox(sandbox) if told.webhook.tells().is_some() => {
                    let lane = told.commits.entry(sandbox.to_string()).or_default();
                    lane.push(record.sequence);
                }
                AggregateId::Webhook(_) => {
                    let commit = Commit::<WebhookEvent>::decode(&record.payload).unwrap();
                    for event in &commit.events {
                        told.webhook.evolve(event);
                        match event {
                            WebhookEvent::GivenUp(given_up) => {
                                told.put_aside.insert(given_up.sequence);
                            }
                            WebhookEvent::Redelivered(_) => told.redelivered += 1,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        told
    }
}

/// Where the commit stands that is posted.
fn sequence(posting: &Posting) -> Sequence {
    let (_, sequence) = posting.id().rsplit_once('-').unwrap();
    Sequence(sequence.parse().unwrap())
}
