//! Opening regular files, and nothing else.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::refusal::Refusal;
use crate::agent::failure::Failure;

/// A regular file, and what is known about it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

/// Opens the regular file at `path`, links followed. What is something else is looked at, not opened: opening a FIFO
/// waits for its other end, and opening a device may act. Should it be swapped in between, the open does not wait.
pub(super) fn regular(path: &Path, options: &mut OpenOptions) -> Result<Opened, Refusal> {
    check(path, &fs::metadata(path).map_err(Failure::at(path))?)?;
    let file = options
        .custom_flags(flags())
        .open(path)
        .map_err(Failure::at(path))?;
    let metadata = file.metadata().map_err(Failure::at(path))?;
    check(path, &metadata)?;
    Ok(Opened { file, metadata })
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), Refusal> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(Refusal::Directory(path.to_owned()))
    } else {
        Err(Refusal::Special(path.to_owned()))
    }
}

/// Neither wait for a FIFO's other end nor take a terminal as one's own.
pub(super) fn flags() -> i32 {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    // The bits of flags are far below the sign.
    flags.bits().cast_signed()
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let read = |path: &Path| regular(path, OpenOptions::new().read(true));
        assert_eq!(read(&at("link")).unwrap().metadata.len(), 4);
        assert!(matches!(read(folder.path()), Err(Refusal::Directory(_))));
        for special in [at("fifo"), at("socket"), "/dev/zero".into()] {
            assert!(matches!(read(&special), Err(Refusal::Special(_))), "{special:?}");
        }
        assert!(matches!(read(&at("no")), Err(Refusal::Failure(_))));
    }
}
