//! The generation: a file for programs that must know when they go on in another machine than they began in.
//!
//! It holds a UUID that is another after every restore. Programs may compare it before they use what must be unique, wait
//! for its change with inotify, or map it into their memory: it is written in place, while they stand still.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use uuid::Uuid;

/// Where it is, for all to read. In memory, so it is another after every boot as well.
pub(in crate::agent) const FILE: &str = "/run/roost/generation";

/// Writes another one.
pub(super) fn renew() -> io::Result<()> {
    write(Path::new(FILE), Uuid::new_v4())
}

/// Writes the first one, unless an agent that ran before did.
pub(in crate::agent) fn begin() -> io::Result<()> {
    if Path::new(FILE).exists() {
        return Ok(());
    }
    renew()
}

/// 36 characters and a line's end, so nothing of the one before is left.
fn write(path: &Path, generation: Uuid) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .open(path)?;
    file.write_all_at(format!("{generation}\n").as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn it_changes_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("generation");
        let read = || {
            let text = fs::read_to_string(&path).unwrap();
            (text.clone(), text.trim_end().parse::<Uuid>().unwrap())
        };
        write(&path, Uuid::new_v4()).unwrap();
        let (before, inode) = (read(), fs::metadata(&path).unwrap().ino());
        write(&path, Uuid::new_v4()).unwrap();
        assert_ne!(read(), before);
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    }
}
