//! The working set: what is noted of one VM's first faults, and put in place ahead of another's.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use roost_schemas::snapshot::working_set::WorkingSet;

/// How long is noted what the guest wants first.
const FIRST: Duration = Duration::from_secs(10);
/// Bytes of the longest working set, rounded up.
const MAX_BYTES: u64 = 256 * 1024;

/// Notes the first faults.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    set: WorkingSet,
    /// When to write it down; nothing if that has been done, and then nothing is noted any more.
    due: Option<Instant>,
}

impl Recorder {
    /// Notes what comes after `first`, which was put in place without being asked for and is wanted again.
    pub(crate) fn new(path: PathBuf, first: &WorkingSet) -> Self {
        Self {
            path,
            set: first.clone(),
            due: Some(Instant::now() + FIRST),
        }
    }

    /// When it wants to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// `count` pages from `first` on were put in place because one of them was asked for.
    pub(crate) fn note(&mut self, first: u64, count: u64) {
        if self.due.is_some()
            && let (Ok(first), Ok(count)) = (u32::try_from(first), u32::try_from(count))
        {
            self.set.add(first, count);
        }
    }

    /// Writes it down now; it stays as it is where it was written down for good.
    pub(crate) fn save(&self) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        // Several VMs may come from one snapshot at a time.
        name.push(format!(".{}", std::process::id()));
        let new = PathBuf::from(name);
        let written = fs::write(&new, self.set.encode()).and_then(|()| fs::rename(&new, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }

    /// Writes it down for good, unless that has been done.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.due.take().map_or(Ok(()), |_| self.save())
    }
}

/// The working set at `path`; nothing if there is none that can be read.
pub(crate) fn read(path: &Path) -> Option<WorkingSet> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    WorkingSet::decode(&bytes)
}

/// Goes through a working set.
#[derive(Debug, Default)]
pub(crate) struct Prefetch {
    /// What is left of the run that was begun and all that come after it, as first and end.
    runs: VecDeque<(u64, u64)>,
}

impl Prefetch {
    /// Of `set`, what is in a memory of `pages`.
    pub(crate) fn new(set: &WorkingSet, pages: u64) -> Self {
        let runs = set.runs().iter().map(|(first, count)| {
            let (first, count) = (u64::from(*first), u64::from(*count));
            (first, (first + count).min(pages))
        });
        Self {
            runs: runs.filter(|(first, end)| first < end).collect(),
        }
    }

    /// The pages that come next, as first and end.
    pub(crate) fn next(&self) -> Option<(u64, u64)> {
        self.runs.front().copied()
    }

    /// Goes on by `pages` of those.
    pub(crate) fn advance(&mut self, pages: u64) {
        let Some((first, end)) = self.runs.front_mut() else {
            return;
        };
        *first += pages;
        if first >= end {
            self.runs.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_set_is_gone_through_in_its_order_as_far_as_there_is_memory() {
        let mut set = WorkingSet::default();
        for (first, count) in [(50, 3), (8, 1), (98, 7), (100, 1), (u32::MAX, u32::MAX)] {
            set.add(first, count);
        }
        let mut prefetch = Prefetch::new(&set, 100);
        let mut steps = Vec::new();
        while let Some((first, end)) = prefetch.next() {
            steps.push((first, end));
            prefetch.advance(2);
        }
        assert_eq!(steps, [(50, 53), (52, 53), (8, 9), (98, 100)]);
    }
}
