//! Laying changes over a manifest, so that the result is as flat as what it was made from.

use super::{Kind, MAX_SOURCES, Manifest, ManifestError, Place, Run, Source};

/// Pages that are no longer what the parent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Where they stand now: the first page in the new generation file, or nothing for zeros.
    pub stored_at: Option<u64>,
}

/// Runs in the making: each push continues where the last ended, and joins it if it can.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
    next: u64,
}

impl Runs {
    pub(super) fn push(&mut self, count: u64, place: Place) {
        let mut left = count;
        let mut place = place;
        while left > 0 {
            let joined = self.join(left, place);
            left -= joined;
            place = place.after(joined);
        }
    }

    /// Adds up to `count` pages to the last run, or as a new one; answers how many.
    fn join(&mut self, count: u64, place: Place) -> u64 {
        let fits = |room: u32| u32::try_from(count).unwrap_or(u32::MAX).min(room);
        let added = match self.runs.last_mut() {
            Some(last) if last.place.after(u64::from(last.count)) == place && last.count < u32::MAX => {
                let added = fits(u32::MAX - last.count);
                last.count += added;
                added
            }
            _ => {
                let added = fits(u32::MAX);
                self.runs.push(Run {
                    first: self.next,
                    count: added,
                    place,
                });
                added
            }
        };
        self.next += u64::from(added);
        u64::from(added)
    }

    pub(super) fn done(self) -> Vec<Run> {
        self.runs
    }
}

impl Manifest {
    /// This content with `changes` laid over it, which are sorted and do not overlap, and stand in `generation`, which is
    /// new. A source that nothing stands in any more is not named any more, be it the new one.
    pub fn overlaid(
        &self,
        generation: Source,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Self, ManifestError> {
        let known = |source: &Source| source.snapshot == generation.snapshot;
        if let Some(number) = self.sources.iter().position(known) {
            return Err(ManifestError::Sources { number });
        }
        let stored = generation.pages;
        let mut sources = self.sources.clone();
        sources.push(generation);
        let new = u32::try_from(sources.len() - 1).unwrap_or(u32::MAX);
        let mut runs = Runs::default();
        let mut old = Cursor::new(&self.runs);
        for change in changes {
            let end = change
                .first
                .checked_add(change.count)
                .filter(|end| *end <= self.pages);
            let stands = |at: u64| at.checked_add(change.count).is_some_and(|end| end <= stored);
            let fits = change.first >= runs.next && change.stored_at.is_none_or(stands);
            let (true, Some(end)) = (fits, end) else {
                return Err(ManifestError::Changes {
                    first: change.first,
                    count: change.count,
                });
            };
            old.copy(change.first, &mut runs);
            let place = match change.stored_at {
                None => Place::Zero,
                Some(page) => Place::Source { source: new, page },
            };
            runs.push(change.count, place);
            old.skip(end);
        }
        old.copy(self.pages, &mut runs);
        Self::of(self.kind, self.pages, &sources, runs.done())
    }

    /// The manifest of these runs, naming only the sources that are used, in the order of their first use.
    fn of(kind: Kind, pages: u64, sources: &[Source], mut runs: Vec<Run>) -> Result<Self, ManifestError> {
        let mut used: Vec<Source> = Vec::new();
        let mut numbers = vec![None; sources.len()];
        for run in &mut runs {
            let Place::Source { source, .. } = &mut run.place else {
                continue;
            };
            let index = *source as usize;
            let number = *numbers[index].get_or_insert_with(|| {
                used.push(sources[index].clone());
                used.len() - 1
            });
            *source = u32::try_from(number).unwrap_or(u32::MAX);
        }
        if used.len() > MAX_SOURCES {
            return Err(ManifestError::TooManySources { found: used.len() });
        }
        Ok(Self {
            kind,
            pages,
            sources: used,
            runs,
        })
    }
}

/// A place between the pages of a list of runs.
struct Cursor<'a> {
    runs: std::slice::Iter<'a, Run>,
    /// What is left of the run that was begun.
    current: Option<Run>,
}

impl<'a> Cursor<'a> {
    fn new(runs: &'a [Run]) -> Self {
        let mut runs = runs.iter();
        let current = runs.next().copied();
        Self { runs, current }
    }

    /// Takes everything up to page `end`.
    fn copy(&mut self, end: u64, into: &mut Runs) {
        self.advance(end, |count, place| into.push(count, place));
    }

    /// Passes over everything up to page `end`.
    fn skip(&mut self, end: u64) {
        self.advance(end, |_, _| {});
    }

    fn advance(&mut self, end: u64, mut take: impl FnMut(u64, Place)) {
        while let Some(run) = self.current.filter(|run| run.first < end) {
            take(run.end().min(end) - run.first, run.place);
            self.current = if run.end() <= end {
                self.runs.next().copied()
            } else {
                Some(run.from(end))
            };
        }
    }
}
