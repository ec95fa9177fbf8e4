//! The working set, from the pager that has written it down into the snapshot that others will wake from.
//!
//! A pager may not write into the store. What it has written is looked at and written anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use roost_schemas::snapshot::file;
use roost_schemas::snapshot::working_set::WorkingSet;
use rustix::fs::OFlags;

use super::Pager;

impl Pager {
    /// Publishes what the pager has written down since the last time. It is a hint: others wake without.
    pub(in super::super) async fn publish_working_set(&self) {
        let Some(to) = self.record.working_set.clone() else {
            return;
        };
        let from = self.record.control.with_file_name(file::WORKING_SET);
        if !from.exists() {
            return;
        }
        let pid = self.record.process.pid;
        let published = tokio::task::spawn_blocking(move || publish(&from, &to, pid)).await;
        if let Err(error) = published.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::warn!(%error, "a working set is not kept");
        }
    }
}

fn publish(from: &Path, to: &Path, pid: u32) -> io::Result<()> {
    let read = open(from).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(WorkingSet::MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    // Taken away first: what the pager writes meanwhile is there for the next time.
    fs::remove_file(from)?;
    let set = WorkingSet::decode(&read?).ok_or(ErrorKind::InvalidData)?;
    // Several VMs may come from one snapshot at a time.
    let mut partial = PathBuf::from(to).into_os_string();
    partial.push(format!(".{pid}"));
    let written = fs::write(&partial, set.encode()).and_then(|()| fs::rename(&partial, to));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

/// A file, and neither a link to somebody else's nor a pipe that nobody writes to.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_working_set_is_taken_and_anything_else_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let mut set = WorkingSet::default();
        set.add(7, 3);
        fs::write(&from, set.encode()).unwrap();
        publish(&from, &to, 1).unwrap();
        assert_eq!(WorkingSet::decode(&fs::read(&to).unwrap()), Some(set));
        assert!(!from.exists());

        fs::write(&from, "nonsense").unwrap();
        assert!(publish(&from, &to, 1).is_err());
        symlink(&to, &from).unwrap();
        assert!(publish(&from, &folder.path().join("another"), 1).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
    }
}
