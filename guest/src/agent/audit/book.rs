//! Which facts were told and which were answered.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use roost_schemas::audit::{Answer, Fact, Notice, Verdict};
use tokio::sync::oneshot;

/// Facts in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Book {
    last: u64,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    fact: Fact,
    sent: bool,
    verdict: Option<oneshot::Sender<Verdict>>,
}

impl Book {
    /// Facts without an answer.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Adds a fact; whoever waits for the verdict gets it.
    pub(super) fn add(&mut self, fact: Fact, verdict: Option<oneshot::Sender<Verdict>>) -> u64 {
        self.last += 1;
        let open = Open {
            fact,
            sent: false,
            verdict,
        };
        self.open.insert(self.last, open);
        self.last
    }

    /// The first open fact after `number`, which is now being sent.
    pub(super) fn send_after(&mut self, number: u64) -> Option<Notice> {
        let (number, open) = self.open.range_mut((Excluded(number), Unbounded)).next()?;
        open.sent = true;
        Some(Notice {
            number: *number,
            fact: open.fact.clone(),
        })
    }

    /// Closes a fact, and gives it back. One that is not open was answered before, or withdrawn.
    pub(super) fn answer(&mut self, answer: Answer) -> Option<Fact> {
        let open = self.open.remove(&answer.number)?;
        if let Some(waiting) = open.verdict {
            // Whoever waited may just have given up.
            let _ = waiting.send(answer.verdict);
        }
        Some(open.fact)
    }

    /// Takes a fact back; true when the host may have heard of it.
    pub(super) fn withdraw(&mut self, number: u64) -> bool {
        self.open.remove(&number).is_none_or(|open| open.sent)
    }
}
