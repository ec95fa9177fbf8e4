//! Capturing: what a sparse file holds, as a manifest over its parent's and a generation file of what is new.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use roost_images::sparse;
use roost_schemas::SnapshotId;
use roost_schemas::snapshot::PAGE;
use roost_schemas::snapshot::manifest::{Change, Kind, Manifest};

use crate::content::Content;
use crate::error::{StoreError, Trouble, failed, unsealable};
use crate::file::{CHUNK, ZEROS, chunk};
use crate::generation::Generation;
use crate::root::Plain;

/// A sparse file of whole pages.
pub(crate) struct Sparse<'a> {
    file: &'a Plain,
    pages: u64,
    /// Pages that are zeros where the file has a hole, sorted and apart. The other holes are as in the parent.
    cleared: Vec<Range<u64>>,
}

impl<'a> Sparse<'a> {
    /// A file whose holes are zeros.
    pub(crate) fn whole(file: &'a Plain) -> Result<Self, StoreError> {
        let pages = file.identity.bytes / PAGE;
        if !file.identity.bytes.is_multiple_of(PAGE) {
            let why = format!("its {} bytes are not whole pages of {PAGE}", file.identity.bytes);
            return Err(unsealable(&file.path, why));
        }
        let all = 0..pages;
        Ok(Self {
            file,
            pages,
            cleared: vec![all],
        })
    }

    /// A file whose holes are as in the parent, except for `cleared`, which are zeros.
    pub(crate) fn partial(file: &'a Plain, cleared: &[Range<u64>]) -> Result<Self, StoreError> {
        let whole = Self::whole(file)?;
        if let Some(wrong) = cleared.iter().find(|range| range.end > whole.pages) {
            let why = format!("of its {} pages, {wrong:?} are said to be removed", whole.pages);
            return Err(unsealable(&file.path, why));
        }
        Ok(Self {
            cleared: apart(cleared),
            ..whole
        })
    }

    /// The next pages at or after `first` that are not in a hole.
    fn data(&self, first: u64) -> Result<Option<Range<u64>>, StoreError> {
        let data = sparse::next_data(&self.file.file, first * PAGE, self.pages * PAGE);
        let data = data.map_err(failed("read", &self.file.path))?;
        // What is not a page of the file system may be one of ours.
        Ok(data.map(|(start, end)| start / PAGE..end.div_ceil(PAGE).min(self.pages)))
    }

    fn read(&self, first: u64, into: &mut [u8]) -> Result<(), StoreError> {
        let read = self.file.file.read_exact_at(into, first * PAGE);
        read.map_err(failed("read", &self.file.path))
    }
}

/// The same pages, sorted and apart.
fn apart(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.iter().filter(|range| !range.is_empty()).cloned().collect();
    sorted.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Writes what `sparse` has that `parent` has not to a new generation file at `to`, which is `snapshot`'s, and says where
/// all of it stands. Without a parent, everything was zeros before.
pub(crate) fn capture(
    kind: Kind,
    sparse: &Sparse<'_>,
    parent: Option<&Content>,
    snapshot: &SnapshotId,
    to: &Path,
) -> Result<Manifest, Trouble> {
    let blank = Manifest::zeros(kind, sparse.pages);
    let before = parent.map_or(&blank, Content::manifest);
    if before.pages() != sparse.pages {
        let why = format!(
            "it has {} pages, but its parent has {}",
            sparse.pages,
            before.pages()
        );
        return Err(unsealable(&sparse.file.path, why).into());
    }
    let mut changes = Changes::new(Generation::begin(to)?);
    let mut next = 0;
    while let Some(data) = sparse.data(next)? {
        changes.clear(sparse, next..data.start);
        let mut first = data.start;
        while first < data.end {
            let end = first + chunk(data.end - first) as u64 / PAGE;
            changes.compare(sparse, parent, first..end)?;
            first = end;
        }
        next = data.end;
    }
    changes.clear(sparse, next..sparse.pages);
    let generation = changes.generation.finish(snapshot)?;
    let manifest = before.overlaid(generation, changes.list);
    Ok(manifest.map_err(|error| unsealable(to, error.to_string()))?)
}

/// What is not as in the parent.
struct Changes {
    list: Vec<Change>,
    generation: Generation,
    /// Pages of the file, and the same pages of the parent.
    pages: (Vec<u8>, Vec<u8>),
}

impl Changes {
    fn new(generation: Generation) -> Self {
        Self {
            list: Vec::new(),
            generation,
            pages: (vec![0; CHUNK], vec![0; CHUNK]),
        }
    }

    /// Zeros whatever of a hole is to be zeros.
    fn clear(&mut self, sparse: &Sparse<'_>, hole: Range<u64>) {
        let from = sparse.cleared.partition_point(|range| range.end <= hole.start);
        let within = sparse.cleared[from..]
            .iter()
            .take_while(|range| range.start < hole.end);
        for range in within {
            let (first, end) = (range.start.max(hole.start), range.end.min(hole.end));
            self.push(first, end - first, None);
        }
    }

    /// Stores what has changed of `pages`, no more than fit in the buffers.
    fn compare(
        &mut self,
        sparse: &Sparse<'_>,
        parent: Option<&Content>,
        pages: Range<u64>,
    ) -> Result<(), Trouble> {
        let length = chunk(pages.end - pages.start);
        let (mut now, mut before) = std::mem::take(&mut self.pages);
        sparse.read(pages.start, &mut now[..length])?;
        if let Some(parent) = parent {
            parent.read(pages.start, &mut before[..length])?;
        }
        let both = now[..length]
            .chunks_exact(ZEROS.len())
            .zip(before.chunks_exact(ZEROS.len()));
        for (page, (now, before)) in pages.zip(both) {
            if now == ZEROS {
                self.push(page, 1, None);
            } else if parent.is_none() || now != before {
                let stored_at = self.generation.add(now)?;
                self.push(page, 1, Some(stored_at));
            }
        }
        self.pages = (now, before);
        Ok(())
    }

    fn push(&mut self, first: u64, count: u64, stored_at: Option<u64>) {
        if let Some(last) = self.list.last_mut() {
            let continues =
                last.first + last.count == first && last.stored_at.map(|at| at + last.count) == stored_at;
            if continues {
                last.count += count;
                return;
            }
        }
        self.list.push(Change {
            first,
            count,
            stored_at,
        });
    }
}
