//! Writing a file that arrives in chunks.
//!
//! ```text
//! chunks ─▶ waiting (≤ 256 KiB) ─▶ one batch being written on another thread
//! ```
//!
//! While a batch is written, the next one gathers: small chunks cost no trip of their own, and memory is two batches.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use nix::sys::statvfs::statvfs;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::opening;
use super::refusal::Refusal;
use crate::agent::blocking::blocking;
use crate::agent::failure::{Class, Failure};
use crate::agent::folders::{self, give};
use crate::agent::metadata::{self, Metadata};
use crate::users::User;

/// Bytes, and chunks, that are written at once.
const BATCH: usize = 256 << 10;
const BATCH_CHUNKS: usize = 256;

/// What is to be written, and how.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) path: PathBuf,
    /// Owns what is made.
    pub(super) user: User,
    /// The size to expect.
    pub(super) announced: Option<u64>,
    /// Replaces what the file had.
    pub(super) metadata: Metadata,
}

/// Writes a file of all `chunks`, with the parents it needs. When that fails, what can be undone is undone.
pub(super) async fn write<S>(order: Order, mut chunks: S) -> Result<PathBuf, Refusal>
where
    S: Stream<Item = Result<Bytes, Refusal>> + Unpin,
{
    let Order {
        path,
        user,
        announced,
        metadata,
    } = order;
    let mut writer = Writer::open(path.clone(), user, announced).await?;
    let written = async {
        while let Some(chunk) = chunks.try_next().await? {
            writer.push(chunk).await?;
        }
        writer.finish(metadata).await
    };
    match written.await {
        Ok(()) => Ok(path),
        Err(refusal) => {
            writer.undo().await;
            Err(refusal)
        }
    }
}

/// A file being written. Dropped before it is finished, it takes back what it can.
#[derive(Debug)]
struct Writer {
    target: Option<Target>,
    waiting: Vec<Bytes>,
    size: usize,
    busy: Option<JoinHandle<io::Result<()>>>,
}

/// Where it goes.
#[derive(Debug, Clone)]
struct Target {
    path: PathBuf,
    file: Arc<File>,
    /// Whether it was not there before.
    made: bool,
}

impl Writer {
    /// Opens the file for writing: empty, owned by `user`.
    async fn open(path: PathBuf, user: User, announced: Option<u64>) -> Result<Self, Refusal> {
        let target = blocking(move || Target::open(path, &user, announced)).await?;
        Ok(Self {
            target: Some(target),
            waiting: Vec::new(),
            size: 0,
            busy: None,
        })
    }

    /// Takes a chunk; waits while the disk is behind.
    async fn push(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.size += chunk.len();
        self.waiting.push(chunk);
        if self.size >= BATCH || self.waiting.len() >= BATCH_CHUNKS {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes the rest, and the metadata.
    async fn finish(&mut self, metadata: Metadata) -> Result<(), Refusal> {
        self.write().await?;
        self.settle().await?;
        if let Some(target) = self.target.clone() {
            blocking(move || metadata::replace(&*target.file, &metadata).map_err(Failure::at(&target.path)))
                .await?;
            self.target = None;
        }
        Ok(())
    }

    /// The upload failed.
    async fn undo(mut self) {
        // Whether the last batch was written no longer matters.
        let _ = self.settle().await;
        if let Some(target) = self.target.take() {
            blocking(move || target.undo()).await;
        }
    }

    /// Starts to write what waits, after what is being written.
    async fn write(&mut self) -> Result<(), Refusal> {
        self.settle().await?;
        let batch = std::mem::take(&mut self.waiting);
        self.size = 0;
        if let (Some(target), false) = (&self.target, batch.is_empty()) {
            let file = Arc::clone(&target.file);
            self.busy = Some(spawn_blocking(move || write_all(&file, &batch)));
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Refusal> {
        let Some(busy) = &mut self.busy else {
            return Ok(());
        };
        let written = busy.await.map_err(io::Error::from).flatten();
        self.busy = None;
        match (&self.target, written) {
            (Some(target), Err(error)) => Err(Failure::new(&target.path, error).into()),
            _ => Ok(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(target) = self.target.take() else { return };
        match (self.busy.take(), Handle::try_current()) {
            (Some(busy), Ok(runtime)) => {
                runtime.spawn(async move {
                    let _ = busy.await;
                    target.undo();
                });
            }
            _ => target.undo(),
        }
    }
}

impl Target {
    fn open(path: PathBuf, user: &User, announced: Option<u64>) -> Result<Self, Refusal> {
        let folder = path.parent().ok_or_else(|| Refusal::Directory(path.clone()))?;
        folders::ensure(folder, user)?;
        let (file, made) = if let Ok(there) = fs::metadata(&path) {
            room(&path, announced, there.blocks() * 512)?;
            let opened = opening::regular(&path, OpenOptions::new().write(true))?;
            (opened.file, false)
        } else {
            room(folder, announced, 0)?;
            create(&path)?
        };
        let target = Self {
            path,
            file: Arc::new(file),
            made,
        };
        if let Err(error) = give(&target.file, user)
            .map_err(io::Error::from)
            .and_then(|()| target.file.set_len(0))
        {
            if made {
                target.undo();
            }
            return Err(Failure::new(&target.path, error).into());
        }
        Ok(target)
    }

    /// The upload failed: no half of a file is left, and the disk has its room back.
    fn undo(&self) {
        let is_ours = || {
            let (there, ours) = (fs::symlink_metadata(&self.path)?, self.file.metadata()?);
            Ok::<_, io::Error>((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        };
        if self.made && is_ours().unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
        // Nothing more can be done about it, and the request has failed already.
        let _ = self.file.set_len(0);
    }
}

/// Makes the file; one that appears meanwhile, or a link to nowhere, is written through.
fn create(path: &Path) -> Result<(File, bool), Refusal> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o666).custom_flags(opening::flags());
    match options.clone().create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            match opening::regular(path, options.clone().write(true)) {
                Ok(opened) => Ok((opened.file, false)),
                Err(Refusal::Failure(failure)) if failure.class() == Class::Missing => {
                    let file = options.create(true).open(path);
                    Ok((file.map_err(Failure::at(path))?, false))
                }
                Err(refusal) => Err(refusal),
            }
        }
        Err(error) => Err(Failure::new(path, error).into()),
    }
}

/// Refuses what is announced larger than what is free at `place`, plus what the file gives back.
fn room(place: &Path, announced: Option<u64>, given_back: u64) -> Result<(), Refusal> {
    let Some(wanted) = announced else { return Ok(()) };
    let disk = statvfs(place).map_err(Failure::at(place))?;
    // The agent may use what is reserved for root.
    let free = disk.blocks_free() * disk.fragment_size() + given_back;
    // Virtual file systems have no blocks and take what they take.
    if disk.blocks() > 0 && wanted > free {
        return Err(Refusal::NoRoom { wanted, free });
    }
    Ok(())
}

fn write_all(mut file: &File, batch: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
