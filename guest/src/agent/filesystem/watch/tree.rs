//! The watched directories of one watcher, and what the kernel says about them.
//!
//! A directory that appears in a recursive watch is watched from then on. What was made in it before its watch was in place
//! has no event of its own, so its entries are reported as created; should the kernel report one of them as well, because
//! it was made in between, that report is dropped.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roost_schemas::envd::filesystem::{EventType, FilesystemEvent};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::super::entry;
use super::super::names::Names;
use super::WatchError;
use super::changes::{self, MASK};
use crate::agent::failure::{Class, Failure};

/// Events taken from the kernel at once; the rest stays with it, which bounds what waits.
const BATCH: usize = 1024;

/// Room for what one read from the kernel returns.
const READ: usize = 16 << 10;

/// What is watched, and where to; blocking.
#[derive(Debug)]
pub(super) struct Tree {
    inotify: Arc<OwnedFd>,
    root: PathBuf,
    recursive: bool,
    with_entries: bool,
    /// Paths relative to the root.
    folders: HashMap<i32, PathBuf>,
    /// Reported as created, and perhaps about to be reported by the kernel too.
    foretold: HashSet<PathBuf>,
}

/// Some events, and whether the kernel may have more.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) events: Vec<FilesystemEvent>,
    pub(super) more: bool,
}

impl Tree {
    pub(super) fn watch(root: &Path, recursive: bool, with_entries: bool) -> Result<Self, WatchError> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let inotify = inotify::init(flags).map_err(|error| match error {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => WatchError::Watchers,
            _ => WatchError::Failed(Failure::new(root, error)),
        })?;
        let mut tree = Self {
            inotify: Arc::new(inotify),
            root: root.to_owned(),
            recursive,
            with_entries,
            folders: HashMap::new(),
            foretold: HashSet::new(),
        };
        tree.add(Path::new(""), &mut |_| {})?;
        Ok(tree)
    }

    pub(super) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.inotify)
    }

    /// Watches the directory `name` and, if asked for, what is below it; tells `found` of every entry below.
    fn add(&mut self, name: &Path, found: &mut dyn FnMut(&Path)) -> Result<(), WatchError> {
        let mut waiting = vec![name.to_owned()];
        while let Some(name) = waiting.pop() {
            let path = self.root.join(&name);
            // The directory asked for may be a link; those below are not followed, or a loop would never end.
            let links = if name.as_os_str().is_empty() {
                WatchFlags::empty()
            } else {
                WatchFlags::DONT_FOLLOW
            };
            let id = match inotify::add_watch(&self.inotify, &path, MASK | links) {
                Ok(id) => id,
                Err(Errno::NOSPC) => return Err(WatchError::Folders(self.folders.len())),
                // Gone again, or not a directory.
                Err(Errno::NOENT | Errno::NOTDIR) if !self.folders.is_empty() => continue,
                Err(error) => return Err(Failure::new(path, error).into()),
            };
            self.folders.insert(id, name.clone());
            if !self.recursive {
                continue;
            }
            let entries = match fs::read_dir(&path).map_err(Failure::at(&path)) {
                Ok(entries) => entries,
                Err(failure) if failure.class() == Class::Missing => continue,
                Err(failure) => return Err(failure.into()),
            };
            for entry in entries.flatten() {
                let below = name.join(entry.file_name());
                found(&below);
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push(below);
                }
            }
        }
        Ok(())
    }

    /// Takes what the kernel has, up to a batch.
    pub(super) fn read(&mut self) -> Result<Batch, WatchError> {
        let inotify = Arc::clone(&self.inotify);
        let mut room = [MaybeUninit::uninit(); READ];
        let mut reader = Reader::new(&*inotify, &mut room);
        let mut events = Vec::new();
        loop {
            // What the reader has read already would be lost with it.
            if events.len() >= BATCH && reader.is_buffer_empty() {
                return Ok(Batch { events, more: true });
            }
            match reader.next() {
                Ok(event) => {
                    let flags = event.events();
                    if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                        return Err(WatchError::Overflow);
                    }
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    self.take(event.wd(), flags, name.map(Path::new), &mut events)?;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.foretold.clear();
                    return Ok(Batch { events, more: false });
                }
                Err(error) => return Err(Failure::new(&self.root, error).into()),
            }
        }
    }

    fn take(
        &mut self,
        id: i32,
        flags: ReadFlags,
        name: Option<&Path>,
        events: &mut Vec<FilesystemEvent>,
    ) -> Result<(), WatchError> {
        if flags.contains(ReadFlags::IGNORED) {
            self.folders.remove(&id);
            return Ok(());
        }
        let (Some(folder), Some(kind)) = (self.folders.get(&id), changes::kind(flags)) else {
            return Ok(());
        };
        let path = match name {
            Some(name) => folder.join(name),
            None if folder.as_os_str().is_empty() => PathBuf::new(),
            // A directory below the root: its parent has the same event, with its name.
            None => return Ok(()),
        };
        let told = self.foretold.remove(&path);
        if told && flags.contains(ReadFlags::CREATE) {
            return Ok(());
        }
        let is_folder = flags.contains(ReadFlags::ISDIR) && name.is_some();
        if self.recursive && is_folder && flags.contains(ReadFlags::MOVED_FROM) {
            self.forget(&path);
        }
        events.push(self.event(&path, kind));
        if self.recursive && is_folder && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            let mut found = Vec::new();
            self.add(&path, &mut |below| found.push(below.to_owned()))?;
            if flags.contains(ReadFlags::CREATE) {
                for below in found {
                    events.push(self.event(&below, EventType::EVENT_TYPE_CREATE));
                    self.foretold.insert(below);
                }
            }
        }
        Ok(())
    }

    /// Stops watching a directory that was moved, and those below it; if it is still in the tree, it is found again.
    fn forget(&mut self, path: &Path) {
        self.folders.retain(|id, folder| {
            let moved = folder.starts_with(path);
            if moved {
                // It may have gone meanwhile, and its watch with it.
                let _ = inotify::remove_watch(&self.inotify, *id);
            }
            !moved
        });
    }

    fn event(&self, name: &Path, kind: EventType) -> FilesystemEvent {
        let entry = (self.with_entries && changes::has_entry(kind))
            .then(|| entry::describe(&self.root.join(name), &Names::read(Path::new("/"))).ok())
            .flatten();
        changes::event(name, kind, entry)
    }
}
