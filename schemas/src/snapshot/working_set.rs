//! The working set: pages that a restored guest wanted first, in the order in which it wanted them.
//!
//! ```text
//!   "ROOSTWRK" · version (2) · 0 (2) · runs (4) · runs: first page (4), pages (4) · blake3 of everything before (32)
//! ```
//!
//! It is a hint: whoever cannot read it goes without.

use crate::digest::Digest;

/// The version this release writes and the only one it reads.
pub const VERSION: u16 = 1;
/// Runs that are kept: more would be most of a guest's memory.
pub const MAX_RUNS: usize = 16 * 1024;
const MAGIC: [u8; 8] = *b"ROOSTWRK";
const HEADER: usize = 16;
const RUN: usize = 8;

/// Runs of pages as `(first, count)`, in order of their first use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkingSet {
    runs: Vec<(u32, u32)>,
}

impl WorkingSet {
    /// Bytes of the longest.
    pub const MAX_BYTES: usize = HEADER + MAX_RUNS * RUN + Digest::BYTES;

    /// Adds `count` pages from `first` on, unless there are [`MAX_RUNS`] already. What continues the last run is joined
    /// to it.
    pub fn add(&mut self, first: u32, count: u32) {
        let full = self.runs.len() == MAX_RUNS;
        match self.runs.last_mut() {
            Some((start, length)) if start.checked_add(*length) == Some(first) => {
                *length = length.saturating_add(count);
            }
            _ if full => {}
            _ => self.runs.push((first, count)),
        }
    }

    /// The runs.
    pub fn runs(&self) -> &[(u32, u32)] {
        &self.runs
    }

    /// The file's content.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.runs.len() * RUN + Digest::BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        let runs = u32::try_from(self.runs.len()).expect("MAX_RUNS bounds them");
        bytes.extend_from_slice(&runs.to_le_bytes());
        for (first, count) in &self.runs {
            bytes.extend_from_slice(&first.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        bytes
    }

    /// Reads a file's content; nothing if it is not whole, or not of this version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let body = bytes.len().checked_sub(Digest::BYTES)?;
        let (body, sum) = bytes.split_at(body);
        let number = |at: usize| Some(u32::from_le_bytes(body.get(at..at + 4)?.try_into().ok()?));
        let runs = usize::try_from(number(12)?).ok()?;
        let whole = body[..8] == MAGIC
            && body[8..10] == VERSION.to_le_bytes()
            && body[10..12] == [0; 2]
            && runs <= MAX_RUNS
            && body.len() == HEADER + runs * RUN
            && Digest::of(body).as_bytes() == sum;
        if !whole {
            return None;
        }
        let run = |n: usize| Some((number(HEADER + n * RUN)?, number(HEADER + n * RUN + 4)?));
        Some(Self {
            runs: (0..runs).map(run).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_continues_is_one_run_and_what_is_damaged_is_nothing() {
        let mut set = WorkingSet::default();
        for page in [7, 8, 9, 3, 100] {
            set.add(page, 1);
        }
        assert_eq!(set.runs(), [(7, 3), (3, 1), (100, 1)]);
        let bytes = set.encode();
        assert_eq!(WorkingSet::decode(&bytes), Some(set));
        for cut in 0..bytes.len() {
            assert_eq!(WorkingSet::decode(&bytes[..cut]), None);
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(WorkingSet::decode(&flipped), None, "byte {at}");
        }
    }
}
