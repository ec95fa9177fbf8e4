//! Which commit is told next: of each sandbox the oldest, and no second one before it is out of the way.
//!
//! ```text
//!            push           start             done
//!   (none) ───────▶ waiting ──────▶ under way ─────▶ (the next of its sandbox)
//!                      ▲               │
//!                      └─── again ─────┘
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use roost_schemas::SandboxId;
use tokio::time::Instant;

/// Commits that wait, by sandbox; `T` is what is known of one.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    lanes: BTreeMap<SandboxId, Lane<T>>,
    /// When something was taken last.
    taken: Option<Instant>,
}

/// The commits of one sandbox. Never empty.
#[derive(Debug)]
struct Lane<T> {
    items: VecDeque<T>,
    /// When the first of them may be tried; nothing while it is.
    due: Option<Instant>,
    /// How often it was tried.
    tries: u32,
    /// When it was tried first.
    since: Option<Instant>,
    /// How often it failed although others were taken since.
    alone: u32,
}

/// A commit that is to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start<T> {
    pub(crate) sandbox: SandboxId,
    pub(crate) item: T,
    /// Which try it is, from 1.
    pub(crate) tries: u32,
    /// How long ago the first was.
    pub(crate) tried_for: Duration,
    /// How many of those before failed although others were taken since the first: it is this one that is not wanted.
    pub(crate) alone: u32,
}

impl<T: Clone> Lanes<T> {
    pub(crate) fn new() -> Self {
        Self {
            lanes: BTreeMap::new(),
            taken: None,
        }
    }

    /// Takes in the next commit of `sandbox`.
    pub(crate) fn push(&mut self, sandbox: SandboxId, item: T, now: Instant) {
        let lane = self.lanes.entry(sandbox).or_insert_with(|| Lane::new(now));
        lane.items.push_back(item);
    }

    /// A commit that is due, the longest due first; it is under way from then on.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Start<T>> {
        let due = self.lanes.iter_mut().filter_map(|(sandbox, lane)| {
            let due = lane.due.filter(|due| *due <= now)?;
            Some((due, sandbox, lane))
        });
        let (_, sandbox, lane) = due.min_by_key(|(due, ..)| *due)?;
        lane.due = None;
        lane.tries = lane.tries.saturating_add(1);
        let since = *lane.since.get_or_insert(now);
        Some(Start {
            sandbox: sandbox.clone(),
            item: lane.items.front()?.clone(),
            tries: lane.tries,
            tried_for: now.duration_since(since),
            alone: lane.alone,
        })
    }

    /// When the next one is due, of those that are not under way.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lanes.values().filter_map(|lane| lane.due).min()
    }

    /// The commit of `sandbox` that is under way is out of the way.
    pub(crate) fn done(&mut self, sandbox: &SandboxId, now: Instant) -> Option<T> {
        let lane = self.lanes.get_mut(sandbox)?;
        let done = lane.items.pop_front();
        if lane.items.is_empty() {
            self.lanes.remove(sandbox);
        } else {
            let rest = std::mem::take(&mut lane.items);
            *lane = Lane::new(now);
            lane.items = rest;
        }
        done
    }

    /// The target has just taken something.
    pub(crate) fn takes(&mut self, now: Instant) {
        self.taken = Some(now);
    }

    /// The commit of `sandbox` that is under way is to be tried again at `due`.
    pub(crate) fn again(&mut self, sandbox: &SandboxId, due: Instant) {
        if let Some(lane) = self.lanes.get_mut(sandbox) {
            lane.due = Some(due);
            lane.alone += u32::from(self.taken > lane.since);
        }
    }
}

impl<T> Lane<T> {
    fn new(due: Instant) -> Self {
        Self {
            items: VecDeque::new(),
            due: Some(due),
            tries: 0,
            since: None,
            alone: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sandbox(number: u8) -> SandboxId {
        SandboxId::new(format!("s{number}")).unwrap()
    }

    #[test]
    fn a_sandbox_that_fails_holds_up_itself_alone() {
        let now = Instant::now();
        let mut lanes = Lanes::new();
        lanes.push(sandbox(1), 1, now);
        lanes.push(sandbox(1), 2, now);
        lanes.push(sandbox(2), 3, now);
        let first = lanes.start(now).unwrap();
        assert_eq!((first.item, first.tries), (1, 1));
        assert_eq!(lanes.start(now).unwrap().item, 3);
        assert_eq!(lanes.start(now), None, "2 waits for 1");
        let later = now + Duration::from_secs(5);
        lanes.again(&sandbox(1), later);
        assert_eq!(lanes.next_due(), Some(later));
        assert_eq!(lanes.done(&sandbox(2), now), Some(3));
        assert_eq!(lanes.start(now), None);
        let again = lanes.start(later).unwrap();
        assert_eq!((again.item, again.tries, again.alone), (1, 2, 0));
        assert_eq!(again.tried_for, Duration::from_secs(5));
        lanes.takes(later);
        lanes.again(&sandbox(1), later);
        assert_eq!(lanes.start(later).unwrap().alone, 1, "others were taken");
        lanes.done(&sandbox(1), later);
        let next = lanes.start(later).unwrap();
        assert_eq!((next.item, next.tries, next.alone), (2, 1, 0));
        assert_eq!(next.tried_for, Duration::ZERO);
        lanes.done(&sandbox(1), later);
        assert_eq!((lanes.start(later), lanes.next_due()), (None, None));
    }

    proptest! {
        /// Whatever fails and however often: what is done of a sandbox is done in the order in which it came, and at last
        /// all of it is.
        #[test]
        fn each_sandbox_is_told_in_order(from in vec(0..4u8, 1..60), fails in vec(any::<bool>(), 0..200)) {
            let mut now = Instant::now();
            let mut lanes = Lanes::new();
            for (number, of) in from.iter().enumerate() {
                lanes.push(sandbox(*of), number, now);
            }
            let mut fails = fails.into_iter();
            let mut told: BTreeMap<SandboxId, Vec<usize>> = BTreeMap::new();
            while let Some(due) = lanes.next_due() {
                now = now.max(due);
                let mut under_way = Vec::new();
                while let Some(start) = lanes.start(now) {
                    under_way.push(start);
                }
                for start in under_way {
                    if fails.next() == Some(true) {
                        lanes.again(&start.sandbox, now + Duration::from_secs(1));
                    } else {
                        prop_assert_eq!(lanes.done(&start.sandbox, now), Some(start.item));
                        told.entry(start.sandbox).or_default().push(start.item);
                    }
                }
            }
            prop_assert_eq!(told.values().map(Vec::len).sum::<usize>(), from.len());
            prop_assert!(told.values().all(|told| told.is_sorted()));
        }
    }
}
