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
        let removed = |page: u64| self.is_given(page) && !self.is_present(page);
        let first = (from..self.pages).find(|page| removed(*page))?;
        let end = (first..self.pages).find(|page| !removed(*page));
        Some(first..end.unwrap_or(self.pages))
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
