//! A guest's agent as its host sees it: it asks before it starts what clients want, and tells how it ended.

use std::collections::BTreeMap;

use roost_schemas::audit::{Answer, Fact, Notice, Verdict};
use tokio::sync::mpsc;

use crate::port::Fault;

/// What goes over a feed.
pub(super) type Line = Result<Notice, Fault>;

/// One guest's.
#[derive(Default)]
pub(super) struct Agent {
    told: u64,
    unanswered: BTreeMap<u64, Fact>,
    answered: BTreeMap<u64, Verdict>,
    feed: Option<mpsc::UnboundedSender<Line>>,
}

impl Agent {
    /// Tells `fact` now or on the next connection, until it is answered. Answers its number.
    pub(super) fn tell(&mut self, fact: Fact) -> u64 {
        self.told += 1;
        let number = self.told;
        self.unanswered.insert(number, fact.clone());
        if let Some(feed) = &self.feed {
            // A connection that broke just now: the next one tells it.
            let _ = feed.send(Ok(Notice { number, fact }));
        }
        number
    }

    /// What was answered to notice `number`, if anything was yet.
    pub(super) fn verdict(&self, number: u64) -> Option<Verdict> {
        self.answered.get(&number).cloned()
    }

    /// A connection in place of the one before, on which everything is told that was not answered.
    pub(super) fn connect(&mut self) -> mpsc::UnboundedReceiver<Line> {
        let (feed, notices) = mpsc::unbounded_channel();
        for (number, fact) in &self.unanswered {
            let notice = Notice {
                number: *number,
                fact: fact.clone(),
            };
            // The receiver is at hand.
            let _ = feed.send(Ok(notice));
        }
        self.feed = Some(feed);
        notices
    }

    /// Breaks the connection.
    pub(super) fn disconnect(&mut self) {
        self.feed = None;
    }

    /// Takes an answer; only the first to each notice counts.
    pub(super) fn take(&mut self, answer: Answer) {
        if self.unanswered.remove(&answer.number).is_some() {
            self.answered.insert(answer.number, answer.verdict);
        }
    }
}
