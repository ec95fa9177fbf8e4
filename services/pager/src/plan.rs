//! What to put in place for a page: decided without doing it.

use std::ops::Range;

use roost_schemas::snapshot::manifest::{Place, Run};

/// One bit for each page. Memory is taken for what is written only.
#[derive(Debug, Clone)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(pages: u64) -> Self {
        // Zeros of this size come from the kernel, page by page as they are written to.
        Self(vec![0; usize::try_from(pages.div_ceil(64)).unwrap_or(usize::MAX)])
    }

    fn contains(&self, page: u64) -> bool {
        let word = usize::try_from(page / 64).unwrap_or(usize::MAX);
        self.0.get(word).is_some_and(|word| word >> (page % 64) & 1 == 1)
    }

    fn set(&mut self, pages: Range<u64>, value: bool) {
        let mut page = pages.start;
        while page < pages.end {
            let end = pages.end.min((page / 64 + 1) * 64);
            let mask = (u64::MAX >> (64 - (end - page))) << (page % 64);
            if let Some(word) = usize::try_from(page / 64).ok().and_then(|at| self.0.get_mut(at)) {
                *word = if value { *word | mask } else { *word & !mask };
            }
            page = end;
        }
    }
}

/// What became of the pages since the engine came.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    pages: u64,
    /// Given back at least once: zeros from then on, whatever the manifest says.
    given: Bits,
    /// Put in place by us and not given back since. A page may be in place without (the engine can write to it by other
    /// ways), and for a moment not be in place with: the kernel tells of a removal before it removes.
    present: Bits,
}

/// Pages to put in place at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) place: Place,
}

impl Marks {
    pub(crate) fn new(pages: u64) -> Self {
        Self {
            pages,
            given: Bits::new(pages),
            present: Bits::new(pages),
        }
    }

    /// The guest gave `pages` back.
    pub(crate) fn remove(&mut self, pages: Range<u64>) {
        self.given.set(pages.clone(), true);
        self.present.set(pages, false);
    }

    /// `count` pages from `first` on are in place.
    pub(crate) fn put(&mut self, first: u64, count: u64) {
        self.present.set(first..first + count, true);
    }

    /// Whether `page` was ever given back.
    pub(crate) fn is_given(&self, page: u64) -> bool {
        self.given.contains(page)
    }

    /// Whether `page` is in place as far as is known.
    pub(crate) fn is_present(&self, page: u64) -> bool {
        self.present.contains(page)
    }

    /// The first run of pages at or behind `from` that are given back and were not asked for since.
    pub(crate) fn next_removed(&self, from: u64) -> Option<Range<u64>> {
        let first = self.find(from, |removed| removed)?;
        let end = self.find(first, |removed| !removed);
        Some(first..end.unwrap_or(self.pages).min(self.pages))
    }

    /// The first page at or behind `from` whose bit is set in what `bits` makes of the removed pages.
    fn find(&self, from: u64, bits: impl Fn(u64) -> u64) -> Option<u64> {
        let words = self.given.0.iter().zip(&self.present.0).enumerate();
        let mut mask = u64::MAX << (from % 64);
        for (at, (given, present)) in words.skip(usize::try_from(from / 64).ok()?) {
            let found = bits(given & !present) & mask;
            if found != 0 {
                return Some(at as u64 * 64 + u64::from(found.trailing_zeros()));
            }
            mask = u64::MAX;
        }
        None
    }

    /// What to put in place for `page`, which stands in `run`: with what follows it, but not from `end` on, and nothing
    /// that is there already or was given back. The last is zeros, and only what is asked for comes back.
    pub(crate) fn plan(&self, page: u64, run: Run, end: u64) -> Fill {
        if self.is_given(page) {
            return Fill {
                first: page,
                count: 1,
                place: Place::Zero,
            };
        }
        let end = end.min(run.end());
        let stop = (page + 1..end).find(|page| self.is_given(*page) || self.is_present(*page));
        Fill {
            first: page,
            count: stop.unwrap_or(end).max(page + 1) - page,
            place: run.place.after(page - run.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const PAGES: u64 = 200;

    fn pages() -> impl Strategy<Value = Range<u64>> {
        (0..PAGES, 0..90u64).prop_map(|(first, count)| first..(first + count).min(PAGES))
    }

    /// Marks that came about by removals and by pages that were put in place, and what they should say.
    fn marks() -> impl Strategy<Value = (Marks, Vec<(bool, bool)>)> {
        vec((any::<bool>(), pages()), 0..12).prop_map(|acts| {
            let (mut marks, mut model) = (Marks::new(PAGES), vec![(false, false); 200]);
            for (removed, pages) in acts {
                for page in pages.clone() {
                    let (given, present) = &mut model[usize::try_from(page).unwrap()];
                    (*given, *present) = (*given || removed, !removed);
                }
                if removed {
                    marks.remove(pages);
                } else {
                    marks.put(pages.start, pages.end - pages.start);
                }
            }
            (marks, model)
        })
    }

    fn run() -> Run {
        Run {
            first: 0,
            count: 150,
            place: Place::Source {
                source: 3,
                page: 1000,
            },
        }
    }

    proptest! {
        #[test]
        fn marks_are_what_was_last_done((marks, model) in marks()) {
            for (page, (given, present)) in model.iter().enumerate() {
                prop_assert_eq!(marks.is_given(page as u64), *given);
                prop_assert_eq!(marks.is_present(page as u64), *present);
            }
            let mut told = vec![false; model.len()];
            let mut from = 0;
            while let Some(run) = marks.next_removed(from) {
                prop_assert!(run.start >= from && run.start < run.end, "{run:?}");
                from = run.end;
                run.for_each(|page| told[usize::try_from(page).unwrap()] = true);
            }
            let removed: Vec<bool> = model.iter().map(|(given, present)| *given && !present).collect();
            prop_assert_eq!(told, removed);
        }

        #[test]
        fn a_plan_has_the_page_and_nothing_that_must_not_be_touched(
            (marks, model) in marks(),
            page in 0..150u64,
            further in 0..70u64,
        ) {
            let end = page + further;
            let fill = marks.plan(page, run(), end);
            prop_assert_eq!(fill.first, page);
            prop_assert!(fill.count >= 1);
            if model[usize::try_from(page).unwrap()].0 {
                prop_assert_eq!((fill.count, fill.place), (1, Place::Zero));
                return Ok(());
            }
            prop_assert_eq!(fill.place, Place::Source { source: 3, page: 1000 + page });
            prop_assert!(fill.first + fill.count <= end.clamp(page + 1, 150));
            for other in page + 1..fill.first + fill.count {
                prop_assert_eq!(model[usize::try_from(other).unwrap()], (false, false));
            }
        }
    }
}
