//! Watching directories.
//!
//! ```text
//! WatchDir ──────▶ Watcher ── Tree ── inotify          the client's pace: what it does not take waits in the kernel
//! CreateWatcher ─▶ Polled ─ task ─ Watcher             events wait in a bounded queue for GetWatcherEvents
//! ```
//!
//! Every watcher has an inotify instance of its own, so that one client's flood overflows its own watch only. An overflow is
//! always told: events are lost, never silently.

mod changes;
mod polled;
mod queue;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use connectrpc::ConnectError;
use roost_schemas::envd::filesystem::FilesystemEvent;
use rustix::fs::statfs;
use thiserror::Error;
use tokio::io::unix::AsyncFd;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use super::make_dir::not_a_directory;
use crate::agent::blocking::blocking;
use crate::agent::failure::Failure;
pub(super) use polled::Polls;
use tree::{Batch, Tree};

/// Most watchers at a time, polled and streamed. Linux grants a user 128 inotify instances by default; the sandbox's own
/// programs that run as root share them.
const MOST: usize = 100;

/// File systems whose changes may be made elsewhere, unseen by this kernel: statfs(2)'s magic numbers of NFS, CIFS, SMB,
/// SMB2 and FUSE.
const NETWORK: [i64; 5] = [0x6969, 0xFF53_4D42, 0x517B, 0xFE53_4D42, 0x6573_5546];

/// A watch failed, at its start or later.
#[derive(Debug, Error)]
pub(super) enum WatchError {
    #[error(
        "too many watchers: end some; at most {MOST} are possible, and the sandbox's programs may hold inotify instances"
    )]
    Watchers,
    #[error(
        "the sandbox's limit of watched directories is reached, {0} of them are this watcher's: watch less, or raise fs.inotify.max_user_watches"
    )]
    Folders(usize),
    #[error(
        "changes came faster than they were taken and some were lost: list the directory, and watch again"
    )]
    Overflow,
    #[error("'{}' is a network mount, where changes can go unseen; allow_network_mounts watches it all the same", .0.display())]
    Network(PathBuf),
    #[error("'{}' is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<WatchError> for ConnectError {
    fn from(error: WatchError) -> Self {
        Self::from(&error)
    }
}

impl From<&WatchError> for ConnectError {
    fn from(error: &WatchError) -> Self {
        let text = error.to_string();
        match error {
            WatchError::Watchers | WatchError::Folders(_) => Self::resource_exhausted(text),
            WatchError::Overflow => Self::data_loss(text),
            WatchError::Network(_) => Self::invalid_argument(text),
            WatchError::NotADirectory(path) => not_a_directory(path),
            WatchError::Failed(failure) => failure.into(),
        }
    }
}

/// What to watch.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) path: PathBuf,
    pub(super) recursive: bool,
    pub(super) with_entries: bool,
    pub(super) network_too: bool,
}

/// Lets so many watchers exist and no more.
#[derive(Debug, Clone)]
pub(super) struct Limit(Arc<Semaphore>);

impl Limit {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

/// One watch; ends when dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    ready: AsyncFd<Arc<OwnedFd>>,
    /// Absent while it is read.
    tree: Option<Tree>,
    reading: Option<JoinHandle<(Tree, Result<Batch, WatchError>)>>,
    /// Whether the kernel may have more without saying so again.
    more: bool,
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    pub(super) async fn start(wish: Wish, limit: &Limit) -> Result<Self, WatchError> {
        let permit = Arc::clone(&limit.0)
            .try_acquire_owned()
            .map_err(|_| WatchError::Watchers)?;
        let path = wish.path.clone();
        let tree = blocking(move || open(&wish)).await?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe; here the descriptor lives as long as the registration"
        )]
        let ready = AsyncFd::new(tree.descriptor()).map_err(Failure::at(&path))?;
        Ok(Self {
            ready,
            tree: Some(tree),
            reading: None,
            more: false,
            _permit: permit,
        })
    }

    /// The next events, at least one. A call that is given up loses nothing.
    pub(super) async fn next(&mut self) -> Result<Vec<FilesystemEvent>, WatchError> {
        loop {
            let batch = self
                .read()
                .await
                .map_err(|error| Failure::new("inotify", error))??;
            self.more = batch.more;
            if !batch.events.is_empty() {
                return Ok(batch.events);
            }
        }
    }

    async fn read(&mut self) -> io::Result<Result<Batch, WatchError>> {
        if self.reading.is_none() {
            if !self.more {
                // Before reading: what comes while the kernel is read out must be announced again.
                self.ready.readable().await?.clear_ready();
            }
            let mut tree = self.tree.take().ok_or(io::ErrorKind::BrokenPipe)?;
            self.reading = Some(spawn_blocking(move || {
                let batch = tree.read();
                (tree, batch)
            }));
        }
        let reading = self.reading.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let (tree, batch) = reading.await?;
        self.reading = None;
        self.tree = Some(tree);
        Ok(batch)
    }
}

fn open(wish: &Wish) -> Result<Tree, WatchError> {
    let path: &Path = &wish.path;
    if !path.metadata().map_err(Failure::at(path))?.is_dir() {
        return Err(WatchError::NotADirectory(path.to_owned()));
    }
    let kind = statfs(path).map_err(Failure::at(path))?.f_type;
    if !wish.network_too && NETWORK.contains(&kind) {
        return Err(WatchError::Network(path.to_owned()));
    }
    Tree::watch(path, wish.recursive, wish.with_entries)
}
