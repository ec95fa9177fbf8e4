//! A manifest read in place, for who maps the file and must not grow with it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use super::{HEADER, Kind, MAGIC, MAX_PAGES, MAX_SOURCES, Place, RUN, Run, SOURCE, Source, VERSION, ZERO};
use crate::digest::Digest;
use crate::id::{InvalidId, SnapshotId};
use crate::snapshot::PAGE;

/// Why bytes are not a manifest, or changes do not make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It does not begin as one.
    #[error("it does not begin as a manifest does")]
    NotOne,
    /// Another release wrote it.
    #[error("it has version {found}, but this release reads {VERSION}")]
    Version {
        /// The version it carries.
        found: u16,
    },
    /// It is shorter or longer than its counts say.
    #[error("it has {found} bytes instead of {expected}")]
    Length {
        /// Its length.
        found: u64,
        /// What its counts come to.
        expected: u64,
    },
    /// Its bytes are not those that were written.
    #[error("its checksum does not match: it is damaged")]
    Checksum,
    /// A number in its header makes no sense.
    #[error("its {field} is {value}")]
    Header {
        /// Which.
        field: &'static str,
        /// The number.
        value: u64,
    },
    /// A source has no proper name.
    #[error("source {number}: {reason}")]
    Source {
        /// Which, from 0.
        number: usize,
        /// What is wrong with it.
        reason: InvalidId,
    },
    /// It names a source twice, or one that nothing stands in, or not in the order of their use.
    #[error("source {number} is named twice, not used, or not where it is first used")]
    Sources {
        /// Which, from 0.
        number: usize,
    },
    /// A run is empty, out of order, could be part of the one before, or points outside its source.
    #[error("run {number} {what}")]
    Run {
        /// Which, from 0.
        number: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The changes to be laid over it overlap, are not sorted, leave it, or leave the generation that they stand in.
    #[error("{count} pages changed from page {first} on do not fit: changes are sorted, apart and inside")]
    Changes {
        /// The first page of the change.
        first: u64,
        /// Its length.
        count: u64,
    },
    /// Its history is too long.
    #[error("it would name {found} generation files, more than {MAX_SOURCES}: it must be compacted first")]
    TooManySources {
        /// How many.
        found: usize,
    },
}

/// A manifest in `bytes`, all of it checked when it was opened.
#[derive(Clone, Copy)]
pub struct View<'a> {
    kind: Kind,
    pages: u64,
    sources: &'a [u8],
    runs: &'a [u8],
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("kind", &self.kind)
            .field("pages", &self.pages)
            .field("sources", &(self.sources.len() / SOURCE))
            .field("runs", &(self.runs.len() / RUN))
            .finish()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

impl<'a> View<'a> {
    /// Checks `bytes`, all of them: what is opened can be trusted to be a content, written in the one way.
    pub fn open(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        if bytes.len() < HEADER || bytes[..8] != MAGIC {
            return Err(ManifestError::NotOne);
        }
        let version = u16_at(bytes, 8);
        if version != VERSION {
            return Err(ManifestError::Version { found: version });
        }
        let header =
            |field, value, good: bool| good.then_some(()).ok_or(ManifestError::Header { field, value });
        let kind = match bytes[10] {
            0 => Kind::Memory,
            1 => Kind::Disk,
            other => {
                return Err(ManifestError::Header {
                    field: "kind",
                    value: other.into(),
                });
            }
        };
        let (page, pages) = (u64::from(u32_at(bytes, 12)), u64_at(bytes, 16));
        let (sources, runs) = (u64::from(u32_at(bytes, 24)), u64_at(bytes, 32));
        header("page size", page, page == PAGE)?;
        header("number of pages", pages, pages <= MAX_PAGES)?;
        header("number of sources", sources, sources <= MAX_SOURCES as u64)?;
        header("number of runs", runs, runs <= pages)?;
        let reserved = u64::from(u32_at(bytes, 28)) + u64::from(bytes[11]);
        header("reserved field", reserved, reserved == 0)?;
        let runs_at = HEADER as u64 + sources * SOURCE as u64;
        let sum_at = runs_at + runs * RUN as u64;
        let expected = sum_at + Digest::BYTES as u64;
        let found = bytes.len() as u64;
        if found != expected {
            return Err(ManifestError::Length { found, expected });
        }
        let (body, sum) = bytes.split_at(bytes.len() - Digest::BYTES);
        if Digest::of(body).as_bytes() != sum {
            return Err(ManifestError::Checksum);
        }
        let (sources, runs) = body[HEADER..].split_at(usize::try_from(sources).unwrap_or(0) * SOURCE);
        let view = Self {
            kind,
            pages,
            sources,
            runs,
        };
        view.check()?;
        Ok(view)
    }

    /// What it describes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many pages it describes.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// The generation files it names.
    pub fn sources(&self) -> Result<Vec<Source>, ManifestError> {
        (0..self.sources.len() / SOURCE)
            .map(|number| self.source(number))
            .collect()
    }

    /// All runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = Run> + use<'a> {
        let view = *self;
        (0..self.runs.len() / RUN).map(move |number| view.run(number))
    }

    /// The run that `page` is in; nothing beyond the end.
    pub fn lookup(&self, page: u64) -> Option<Run> {
        if page >= self.pages {
            return None;
        }
        let count = self.runs.len() / RUN;
        let begins_before = |number: usize| u64_at(self.runs, number * RUN) <= page;
        // Where it would be if all runs were as long, and outwards from there: that touches a few lines of cache, where
        // halving the whole touches one for each step. The first run begins at 0.
        let guess = usize::try_from(page * count as u64 / self.pages).unwrap_or(0);
        let (mut low, mut high, mut step) = (guess, guess, 1);
        if begins_before(guess) {
            while low + step < count && begins_before(low + step) {
                low += step;
                step *= 2;
            }
            high = count.min(low + step);
        } else {
            while high > step && !begins_before(high - step) {
                high -= step;
                step *= 2;
            }
            low = high.saturating_sub(step);
        }
        // The last run that does not begin behind the page.
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if begins_before(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(self.run(low))
    }

    fn run(&self, number: usize) -> Run {
        let bytes = &self.runs[number * RUN..(number + 1) * RUN];
        let place = match u32_at(bytes, 12) {
            ZERO => Place::Zero,
            source => Place::Source {
                source,
                page: u64_at(bytes, 16),
            },
        };
        Run {
            first: u64_at(bytes, 0),
            count: u32_at(bytes, 8),
            place,
        }
    }

    fn source(&self, number: usize) -> Result<Source, ManifestError> {
        let bytes = &self.sources[number * SOURCE..(number + 1) * SOURCE];
        let (id, rest) = bytes.split_at(SnapshotId::MAX);
        let length = id.iter().position(|byte| *byte == 0).unwrap_or(id.len());
        let padded = id[length..].iter().all(|byte| *byte == 0);
        // What is not a name is shown as far as it can be.
        let text = String::from_utf8_lossy(if padded { &id[..length] } else { id });
        let snapshot = SnapshotId::new(&*text).map_err(|reason| ManifestError::Source { number, reason })?;
        let digest: [u8; Digest::BYTES] = rest[..Digest::BYTES].try_into().expect("as long as a digest");
        Ok(Source {
            snapshot,
            digest: Digest::from_bytes(digest),
            pages: u64_at(rest, Digest::BYTES),
        })
    }

    fn check(&self) -> Result<(), ManifestError> {
        let sources = self.sources()?;
        let mut used = 0;
        let mut last: Option<Run> = None;
        for (number, run) in self.runs().enumerate() {
            let wrong = |what| ManifestError::Run {
                number: number as u64,
                what,
            };
            if run.count == 0 {
                return Err(wrong("is empty"));
            }
            if run.place == Place::Zero && u64_at(self.runs, number * RUN + 16) != 0 {
                return Err(wrong("is of zeros and yet stands somewhere"));
            }
            if run.first != last.map_or(0, |last| last.end()) {
                return Err(wrong("does not begin where the one before ends"));
            }
            if last.is_some_and(|last| {
                last.count < u32::MAX && last.place.after(u64::from(last.count)) == run.place
            }) {
                return Err(wrong("continues the one before"));
            }
            if let Place::Source { source, page } = run.place {
                let Some(known) = sources.get(source as usize) else {
                    return Err(wrong("stands in a source that is not named"));
                };
                let end = page.checked_add(u64::from(run.count));
                if end.is_none_or(|end| end > known.pages) {
                    return Err(wrong("leaves its source"));
                }
                match (source as usize).cmp(&used) {
                    Ordering::Less => {}
                    Ordering::Equal => used += 1,
                    Ordering::Greater => return Err(ManifestError::Sources { number: used }),
                }
            }
            last = Some(run);
        }
        if last.map_or(0, |last| last.end()) != self.pages {
            return Err(ManifestError::Run {
                number: (self.runs.len() / RUN) as u64,
                what: "is missing: the last page is not covered",
            });
        }
        let mut names = BTreeSet::new();
        let twice = sources.iter().position(|source| !names.insert(&source.snapshot));
        match twice.or_else(|| (used < sources.len()).then_some(used)) {
            Some(number) => Err(ManifestError::Sources { number }),
            None => Ok(()),
        }
    }
}
