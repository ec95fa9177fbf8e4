//! Guest memory: a sparse file without a name.
//!
//! It is a file, and shared, because a snapshot is then a copy of it and a page-fault handler can fill it from outside.
//! It has no name, so that whoever is killed at whatever moment leaves none behind: the last process to hold it frees
//! it.

use crate::machine::Fault;
use rustix::{
    fs::{Mode, OFlags, ftruncate, open, statvfs},
    io::Errno,
};
use std::{fs::File, ops::Range, path::Path};

/// Where a microvm's memory has its gap for devices: what does not fit below goes on at 4 GiB.
const GAP: Range<u64> = 3 << 30..4 << 30;

/// Memory of `bytes`, in the file system of `dir`.
pub(super) fn create(dir: &Path, bytes: u64) -> Result<File, Fault> {
    let failed = |error: Errno| Fault::File {
        what: "memory directory",
        path: dir.to_owned(),
        reason: format!("cannot hold guest memory: {error}; name a tmpfs with --ram-dir"),
    };
    let space = statvfs(dir).map_err(failed)?;
    let capacity = space.f_blocks.saturating_mul(space.f_frsize);
    if bytes > capacity {
        return Err(Fault::TooMuchMemory {
            asked: bytes >> 20,
            available: capacity >> 20,
            dir: dir.to_owned(),
        });
    }
    let file = open(
        dir,
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )
    .map_err(failed)?;
    ftruncate(&file, bytes).map_err(failed)?;
    Ok(file.into())
}

/// Where the guest sees these bytes of the file: guest physical addresses, in pieces of at most `most` bytes.
pub(super) fn addresses(bytes: Range<u64>, most: u64) -> impl Iterator<Item = Range<u64>> {
    let low = bytes.start.min(GAP.start)..bytes.end.min(GAP.start);
    let high = bytes.start.max(GAP.start)..bytes.end.max(GAP.start);
    let gap = GAP.end - GAP.start;
    let high = high.start + gap..high.end + gap;
    [low, high].into_iter().flat_map(move |part| {
        let starts = part.clone().step_by(usize::try_from(most).unwrap_or(usize::MAX));
        starts.map(move |start| start..part.end.min(start + most))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn seen(bytes: Range<u64>, most: u64) -> Vec<(u64, u64)> {
        addresses(bytes, most)
            .map(|piece| (piece.start, piece.end))
            .collect()
    }

    #[test]
    fn memory_goes_on_behind_the_gap() {
        assert_eq!(seen(0..2 * GIB, 8 * GIB), [(0, 2 * GIB)]);
        assert_eq!(
            seen(2 * GIB..5 * GIB, 8 * GIB),
            [(2 * GIB, 3 * GIB), (4 * GIB, 6 * GIB)]
        );
        assert_eq!(seen(3 * GIB..4 * GIB, 8 * GIB), [(4 * GIB, 5 * GIB)]);
    }

    #[test]
    fn pieces_are_bounded() {
        assert_eq!(seen(10..25, 10), [(10, 20), (20, 25)]);
        assert_eq!(seen(7..7, 10), []);
    }
}
