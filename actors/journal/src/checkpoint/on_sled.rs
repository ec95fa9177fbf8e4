//! [`Checkpoint`] in a sled 0.34 database.
//!
//! sled's known faults are met here. Dropping a database releases its lock late, so opening waits for it a while. A
//! database that does not open, whatever the reason, is renamed aside and begun anew. It blocks, so it runs on
//! tokio's blocking threads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use roost_schemas::{Digest, Sequence};
use sled::{Batch, Db, IVec, Tree};
use tokio::time::Instant;

use super::{Change, Checkpoint, CheckpointError, Mark, Saved, Seen};

/// How long another holder's lock is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// sled's default of 1 GiB is far more than any projection of one host.
const CACHE_BYTES: u64 = 32 << 20;

/// The key of the [`Mark`]. Entries have keys that begin with [`ENTRY`].
const MARK: &[u8] = b"mark";
const ENTRY: u8 = b'=';

/// Checkpoints in a folder of their own.
#[derive(Debug, Clone)]
pub struct SledCheckpoint {
    db: Db,
    at: PathBuf,
}

impl SledCheckpoint {
    /// Opens the database in `folder`, made if it is missing, and replaced by an empty one if it does not open.
    ///
    /// # Errors
    /// If another process holds it, or if not even an empty one can be made.
    pub async fn open(folder: impl Into<PathBuf>) -> Result<Self, CheckpointError> {
        let at = folder.into();
        let deadline = Instant::now() + LOCK_PATIENCE;
        let found = loop {
            match try_open(&at).await {
                Ok(db) => return Ok(Self { db, at }),
                Err(found) if !is_locked(&found) => break found,
                Err(found) if Instant::now() >= deadline => return Err(error(&at, "opened", &found)),
                Err(_) => tokio::time::sleep(LOCK_PAUSE).await,
            }
        };
        let aside = at.with_extension("broken");
        tracing::warn!(at = %at.display(), aside = %aside.display(), found, "a checkpoint is put aside");
        put_aside(&at, &aside).map_err(|e| error(&at, "put aside", &e))?;
        let db = try_open(&at).await.map_err(|e| error(&at, "made", &e))?;
        Ok(Self { db, at })
    }

    /// Runs `work` on the tree of `name` where blocking is allowed.
    async fn on_tree<T: Send + 'static>(
        &self,
        name: &'static str,
        action: &'static str,
        work: impl FnOnce(&Tree) -> Result<T, String> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        let db = self.db.clone();
        let done = tokio::task::spawn_blocking(move || {
            let tree = db.open_tree(name).map_err(|error| error.to_string())?;
            work(&tree)
        });
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(detail)) => Err(error(&self.at, action, &detail)),
            Err(panic) => Err(error(&self.at, action, &panic)),
        }
    }
}

#[async_trait]
impl Checkpoint for SledCheckpoint {
    async fn load(&self, name: &'static str) -> Result<Option<Saved>, CheckpointError> {
        self.on_tree(name, "read", |tree| {
            let Some(mark) = tree.get(MARK).map_err(|error| error.to_string())? else {
                return Ok(None);
            };
            let mark = read_mark(&mark).ok_or("its mark is malformed")?;
            let entries = tree.scan_prefix([ENTRY]).map(|entry| {
                let (key, value) = entry.map_err(|error| error.to_string())?;
                Ok((key[1..].to_vec(), value.to_vec()))
            });
            let entries = entries.collect::<Result<_, String>>()?;
            Ok(Some(Saved { mark, entries }))
        })
        .await
    }

    async fn save(
        &self,
        name: &'static str,
        mark: Mark,
        changes: Vec<Change>,
    ) -> Result<(), CheckpointError> {
        self.on_tree(name, "written", move |tree| {
            let mut batch = Batch::default();
            for (key, value) in changes {
                let key = entry_key(&key);
                match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                }
            }
            batch.insert(MARK, write_mark(mark));
            tree.apply_batch(batch).map_err(|error| error.to_string())
        })
        .await?;
        self.db
            .flush_async()
            .await
            .map(drop)
            .map_err(|e| error(&self.at, "written", &e))
    }

    async fn clear(&self, name: &'static str) -> Result<(), CheckpointError> {
        self.on_tree(name, "cleared", |tree| {
            tree.clear().map_err(|error| error.to_string())
        })
        .await
    }
}

fn entry_key(key: &[u8]) -> Vec<u8> {
    let mut prefixed = Vec::with_capacity(key.len() + 1);
    prefixed.push(ENTRY);
    prefixed.extend_from_slice(key);
    prefixed
}

/// The version and the sequence, big-endian, then the digest.
fn write_mark(Mark { version, seen }: Mark) -> Vec<u8> {
    let Seen { sequence, digest } = seen;
    [
        version.to_be_bytes().as_slice(),
        &sequence.0.to_be_bytes(),
        digest.as_bytes(),
    ]
    .concat()
}

fn read_mark(mark: &IVec) -> Option<Mark> {
    let (version, rest) = mark.split_first_chunk::<4>()?;
    let (sequence, digest) = rest.split_first_chunk::<8>()?;
    let seen = Seen {
        sequence: Sequence(u64::from_be_bytes(*sequence)),
        digest: Digest::from_bytes(digest.try_into().ok()?),
    };
    let version = u32::from_be_bytes(*version);
    Some(Mark { version, seen })
}

/// One try; sled can panic over a damaged file, which is one more way of not opening.
async fn try_open(at: &Path) -> Result<Db, String> {
    let config = sled::Config::new().path(at).cache_capacity(CACHE_BYTES);
    match tokio::task::spawn_blocking(move || config.open()).await {
        Ok(opened) => opened.map_err(|error| error.to_string()),
        Err(panic) => Err(panic.to_string()),
    }
}

/// sled tells a held lock only by these words; the error's kind is `Other`.
fn is_locked(found: &str) -> bool {
    found.contains("could not acquire lock")
}

/// Renames `at`; what was put aside before gives way, so that broken files do not pile up.
fn put_aside(at: &Path, aside: &Path) -> std::io::Result<()> {
    if aside.is_dir() {
        std::fs::remove_dir_all(aside)?;
    } else if aside.exists() {
        std::fs::remove_file(aside)?;
    }
    std::fs::rename(at, aside)
}

fn error(at: &Path, action: &'static str, detail: &dyn std::fmt::Display) -> CheckpointError {
    CheckpointError {
        at: at.display().to_string(),
        action,
        detail: detail.to_string(),
    }
}
