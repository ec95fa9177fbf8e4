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
use std::{os::fd::OwnedFd, path::Path};

/// Memory of `bytes`, in the file system of `dir`.
pub(super) fn create(dir: &Path, bytes: u64) -> Result<OwnedFd, Fault> {
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
    Ok(file)
}
