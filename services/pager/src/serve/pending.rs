//! Faults that are not answered yet: no more than the engine has threads, and one for each page.

use std::time::Instant;

/// A page that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) page: u64,
    /// When that was first seen.
    pub(super) since: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<Fault>);

impl Pending {
    /// `page` has been waited for since `since`.
    pub(super) fn add(&mut self, page: u64, since: Instant) {
        self.0.push(Fault { page, since });
    }

    /// Lets `answer` try each of them, and keeps those for which it says that they cannot be answered now. Ends with the
    /// first error.
    pub(super) fn try_each<E>(&mut self, mut answer: impl FnMut(Fault) -> Result<bool, E>) -> Result<(), E> {
        if self.0.len() > 1 {
            // A thread that was interrupted asks again; what counts is when it first did.
            self.0.sort_unstable_by_key(|fault| (fault.page, fault.since));
            self.0.dedup_by_key(|fault| fault.page);
        }
        let mut outcome = Ok(());
        self.0.retain(|fault| {
            if outcome.is_err() {
                return true;
            }
            match answer(*fault) {
                Ok(answered) => !answered,
                Err(error) => {
                    outcome = Err(error);
                    true
                }
            }
        });
        outcome
    }

    /// The one that has waited longest.
    pub(super) fn oldest(&self) -> Option<Fault> {
        self.0.iter().min_by_key(|fault| fault.since).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_is_waited_for_since_it_was_first_asked_for() {
        let mut pending = Pending::default();
        let first = Instant::now();
        let at = |seconds| first + Duration::from_secs(seconds);
        for (page, seconds) in [(7, 2), (3, 1), (7, 0), (3, 5), (9, 3)] {
            pending.add(page, at(seconds));
        }
        let mut tried = Vec::new();
        let outcome = pending.try_each(|fault| {
            tried.push((fault.page, fault.since));
            Ok::<_, Infallible>(fault.page == 7)
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(tried, [(3, at(1)), (7, at(0)), (9, at(3))]);
        assert_eq!(pending.len(), 2);
        assert_eq!(pending.oldest().map(|fault| fault.page), Some(3));
    }

    #[test]
    fn after_an_error_nothing_is_tried_and_nothing_is_forgotten() {
        let mut pending = Pending::default();
        (0..4).for_each(|page| pending.add(page, Instant::now()));
        let outcome = pending.try_each(|fault| if fault.page == 1 { Err("no") } else { Ok(true) });
        assert_eq!(outcome, Err("no"));
        assert_eq!(pending.len(), 3);
    }
}
