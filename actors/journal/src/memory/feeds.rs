//! [`Feeds`] in process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use roost_schemas::Sequence;
use roost_schemas::subject::EventFilter;
use tokio::sync::mpsc;

use super::{MemoryJournal, locked};
use crate::port::{
    Feed, FeedId, Feeds, Foreign, Handed, Journal, JournalError, MAX_HANDED, Record, Records, Ticket,
};

/// What is settled of each feed.
type Settled = Arc<Mutex<BTreeMap<FeedId, BTreeSet<Sequence>>>>;

/// The feeds in process; clones share them.
#[derive(Debug, Clone)]
pub struct MemoryFeeds {
    journal: MemoryJournal,
    settled: Settled,
}

impl MemoryFeeds {
    pub(super) fn new(journal: MemoryJournal) -> Self {
        Self {
            journal,
            settled: Settled::default(),
        }
    }

    /// What is settled of `id`; nothing if there is no such feed.
    pub fn settled(&self, id: &FeedId) -> Option<BTreeSet<Sequence>> {
        locked(&self.settled).get(id).cloned()
    }
}

#[async_trait]
impl Feeds for MemoryFeeds {
    async fn take(&self, id: &FeedId, filter: &EventFilter, after: Sequence) -> Result<Feed, JournalError> {
        locked(&self.settled).entry(id.clone()).or_default();
        let (tickets, returned) = mpsc::unbounded_channel();
        let taker = Taker {
            id: id.clone(),
            settled: self.settled.clone(),
            records: self.journal.follow(filter, after).await?,
            in_hand: 0,
            tickets,
            returned,
        };
        let feed = futures::stream::unfold(taker, |mut taker| async {
            let handed = taker.next().await?;
            Some((handed, taker))
        });
        Ok(feed.boxed())
    }

    async fn forget(&self, id: &FeedId) -> Result<(), JournalError> {
        locked(&self.settled).remove(id);
        Ok(())
    }

    async fn all(&self) -> Result<Vec<FeedId>, JournalError> {
        Ok(locked(&self.settled).keys().cloned().collect())
    }
}

struct Taker {
    id: FeedId,
    settled: Settled,
    records: Records,
    in_hand: usize,
    tickets: mpsc::UnboundedSender<Sequence>,
    returned: mpsc::UnboundedReceiver<Sequence>,
}

impl Taker {
    async fn next(&mut self) -> Option<Handed> {
        loop {
            tokio::select! {
                biased;
                Some(sequence) = self.returned.recv() => {
                    self.in_hand -= 1;
                    if let Some(settled) = locked(&self.settled).get_mut(&self.id) {
                        settled.insert(sequence);
                    }
                }
                record = self.records.next(), if self.in_hand < MAX_HANDED => {
                    let (sequence, record) = read(record?)?;
                    if locked(&self.settled).get(&self.id)?.contains(&sequence) {
                        continue;
                    }
                    self.in_hand += 1;
                    let ticket = Ticket::new(sequence, self.tickets.clone());
                    return Some(Handed { sequence, record, ticket });
                }
            }
        }
    }
}

/// A record with its place; nothing when the log is lost, which ends the feed.
fn read(record: Result<Record, JournalError>) -> Option<(Sequence, Result<Record, Foreign>)> {
    match record {
        Ok(record) => Some((record.sequence, Ok(record))),
        Err(JournalError::Foreign(foreign)) => Some((foreign.sequence, Err(foreign))),
        Err(_) => None,
    }
}
