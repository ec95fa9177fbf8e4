//! The disk: drives and snapshots lie beside each other on it.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::Finding;
use crate::output::bytes;

const CHECK: &str = "disk";
/// Less than a sandbox's drive and one snapshot of it may take.
const TOO_LITTLE: u64 = 4 << 30;
/// What a host with a handful of sandboxes takes.
const LITTLE: u64 = 20 << 30;
/// How large a file is made to see whether it is sparse.
const SPARSE: u64 = 64 << 20;

/// How the file system is on which `state` lies, or would.
pub(super) fn check(state: &Path) -> Finding {
    let Some(folder) = state.ancestors().find(|folder| folder.is_dir()) else {
        return Finding::fail(
            CHECK,
            format!("{} cannot be made", state.display()),
            "choose another --state",
        );
    };
    let free = match rustix::fs::statvfs(folder) {
        Ok(system) => system.f_bavail.saturating_mul(system.f_frsize),
        Err(error) => {
            let found = format!("{}: {error}", folder.display());
            return Finding::fail(CHECK, found, "choose another --state");
        }
    };
    match is_sparse(folder) {
        Ok(true) => judge(folder, free),
        Ok(false) => Finding::fail(
            CHECK,
            format!("{} has no sparse files", folder.display()),
            "put the state on ext4, XFS or Btrfs: drives are mostly holes",
        ),
        Err(error) => Finding::fail(
            CHECK,
            format!("cannot write to {}: {error}", folder.display()),
            "choose another --state, or correct its permissions",
        ),
    }
}

fn judge(folder: &Path, free: u64) -> Finding {
    let found = format!("{} free at {}", bytes(free), folder.display());
    if free < TOO_LITTLE {
        let remedy = format!(
            "free some, or choose another --state: {} are the least",
            bytes(TOO_LITTLE)
        );
        return Finding::fail(CHECK, found, remedy);
    }
    if free < LITTLE {
        let remedy = format!(
            "with less than {} a host soon has no room for snapshots",
            bytes(LITTLE)
        );
        return Finding::warn(CHECK, found, remedy);
    }
    Finding::ok(CHECK, found)
}

/// Whether a hole takes no place there.
fn is_sparse(folder: &Path) -> std::io::Result<bool> {
    let mut file = unnamed(folder)?;
    file.seek(SeekFrom::Start(SPARSE))?;
    file.write_all(&[1])?;
    file.sync_all()?;
    // `st_blocks` is in units of 512 bytes, whatever the file system's are (stat(2)).
    Ok(file.metadata()?.blocks() * 512 < SPARSE / 2)
}

/// A file that is gone when it is closed.
fn unnamed(folder: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?.into())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_nearest_folder_that_is_there_is_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let found = check(&root.path().join("not/yet"));
        assert!(found.found.ends_with(root.path().to_str().unwrap()), "{found:?}");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn room_is_judged() {
        let of = |free| judge(Path::new("/"), free).verdict;
        assert_eq!(
            [of(1 << 30), of(10 << 30), of(100 << 30)],
            [Verdict::Fail, Verdict::Warn, Verdict::Ok]
        );
    }
}
