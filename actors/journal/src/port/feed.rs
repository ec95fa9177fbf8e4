//! Feeds: commits that are handed out until each is settled. Where a feed stands outlives whoever takes from it.

use std::fmt;

use async_trait::async_trait;
use futures::stream::BoxStream;
use roost_schemas::subject::EventFilter;
use roost_schemas::{Sequence, TenantId, WebhookId};
use tokio::sync::mpsc::UnboundedSender;

use super::{Foreign, JournalError, Record};

/// Commits of one feed that are in hand at once: what a taker holds in memory, and what is handed out twice when it dies.
pub const MAX_HANDED: usize = 256;

/// Which feed: each webhook has one. Displays as the name that nats-server has for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId {
    /// Whose webhook it is.
    pub tenant: TenantId,
    /// Which.
    pub webhook: WebhookId,
}

impl FeedId {
    /// Reads what it displays as; nothing if that is no feed.
    pub fn parse(name: &str) -> Option<Self> {
        let (tenant, webhook) = name.strip_prefix("webhook-")?.split_once('=')?;
        Some(Self {
            tenant: TenantId::new(tenant).ok()?,
            webhook: WebhookId::new(webhook).ok()?,
        })
    }
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No id has a `=`, so no two feeds share a name.
        write!(f, "webhook-{}={}", self.tenant, self.webhook)
    }
}

/// A commit in hand.
#[derive(Debug)]
pub struct Handed {
    /// Where it stands.
    pub sequence: Sequence,
    /// The commit; or what stands there instead and is none of ours.
    pub record: Result<Record, Foreign>,
    /// To be given back; dropped, the commit is handed to the next taker.
    pub ticket: Ticket,
}

/// The right to settle one commit.
#[derive(Debug)]
pub struct Ticket {
    sequence: Sequence,
    settled: UnboundedSender<Sequence>,
}

impl Ticket {
    pub(crate) fn new(sequence: Sequence, settled: UnboundedSender<Sequence>) -> Self {
        Self { sequence, settled }
    }

    /// The commit is done with, for good. If this process ends before the feed knows, the commit is handed out again.
    pub fn settle(self) {
        // Refused only when the feed was dropped: then it knows nothing more of this taker.
        let _ = self.settled.send(self.sequence);
    }
}

/// What is not settled yet, in the order of the log, each commit once for each taker; then what comes. It has no end: a
/// log that cannot be reached is waited for.
pub type Feed = BoxStream<'static, Handed>;

/// The feeds of the event log.
#[async_trait]
pub trait Feeds: Send + Sync + 'static {
    /// Takes from the feed `id`, which is made if there is none: of what `filter` admits after `after`. One takes at a time:
    /// two would each get a part.
    async fn take(&self, id: &FeedId, filter: &EventFilter, after: Sequence) -> Result<Feed, JournalError>;

    /// Forgets where a feed stands; does nothing if there is none.
    async fn forget(&self, id: &FeedId) -> Result<(), JournalError>;

    /// Every feed that there is.
    async fn all(&self) -> Result<Vec<FeedId>, JournalError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_feed_and_other_consumers_are_none() {
        let feed = |tenant, webhook| FeedId {
            tenant: TenantId::new(tenant).unwrap(),
            webhook: WebhookId::new(webhook).unwrap(),
        };
        let one = feed("a-b", "wh1");
        assert_eq!(one.to_string(), "webhook-a-b=wh1");
        assert_eq!(FeedId::parse(&one.to_string()), Some(one));
        for other in ["router", "webhook-", "webhook-a", "webhook-a=b.c", "webhook-A=b"] {
            assert_eq!(FeedId::parse(other), None, "{other}");
        }
    }
}
