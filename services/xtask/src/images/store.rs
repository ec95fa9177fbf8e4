//! Made files, found again by what they were made from.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use roost_images::{Digest, FileName, Image};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::ui;

/// How the names of folders of unfinished work begin.
const WORK: &str = "work-";

/// A digest of everything a file is made from.
#[derive(Debug, Clone)]
pub(super) struct Key(blake3::Hasher);

impl Key {
    /// `recipe` names how the file is made; its number goes up when that changes.
    pub(super) fn new(recipe: &str) -> Self {
        Self(blake3::Hasher::new()).with(recipe)
    }

    /// Adds an ingredient.
    pub(super) fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        // The length first, so that no two lists of ingredients look alike.
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds a recipe, by what it says and not by how it is written.
    pub(super) fn with_recipe(self, recipe: &impl Serialize) -> Result<Self> {
        Ok(self.with(serde_json::to_vec(recipe)?))
    }

    fn short(&self) -> String {
        self.0.finalize().to_hex()[..16].to_owned()
    }
}

/// A finished file.
#[derive(Debug, Clone)]
pub(super) struct Artefact {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What is in it.
    pub(super) content: Content,
}

impl Artefact {
    /// What the manifest says of it.
    pub(super) fn image(&self) -> Result<Image> {
        let name = self
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Image {
            file: FileName::try_from(name).map_err(anyhow::Error::msg)?,
            digest: self.content.digest,
            bytes: self.content.bytes,
        })
    }
}

/// What a file holds; kept beside it, because reading it all again takes seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Its digest.
    pub(super) digest: Digest,
    /// The length.
    pub(super) bytes: u64,
}

/// The folder of finished files, held by one process at a time.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens `folder` and waits for another process to be done with it.
    pub(super) async fn open(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| {
            format!(
                "cannot make {}: set ROOST_CACHE to a writable folder",
                folder.display()
            )
        })?;
        let path = folder.join("lock");
        let lock = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let lock = match lock.try_lock() {
            Ok(()) => lock,
            Err(TryLockError::WouldBlock) => ui::step("another run to finish its images", wait(lock)).await?,
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        };
        let store = Self { folder, _lock: lock };
        store.forget_unfinished_work()?;
        Ok(store)
    }

    /// Where the files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder for unfinished work. It goes when dropped, and when the store is opened the next time at the latest.
    pub(super) fn work(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix(WORK)
            .tempdir_in(&self.folder)
            .with_context(|| format!("cannot make a folder in {}", self.folder.display()))
    }

    /// The file of this name made from `key`; `make` writes it to the path it is given if it is not there yet.
    pub(super) async fn artefact(
        &self,
        name: &str,
        key: &Key,
        make: impl AsyncFnOnce(&Path) -> Result<()>,
    ) -> Result<Artefact> {
        let (stem, extension) = name
            .split_once('.')
            .map_or((name, String::new()), |(stem, extension)| {
                (stem, format!(".{extension}"))
            });
        let path = self.folder.join(format!("{stem}-{}{extension}", key.short()));
        if let Some(content) = recorded(&path) {
            return Ok(Artefact { path, content });
        }
        let work = self.work()?;
        let unfinished = work.path().join(name);
        let content = ui::step(name, async {
            make(&unfinished).await?;
            let read = unfinished.clone();
            tokio::task::spawn_blocking(move || seal(&read)).await?
        })
        .await
        .with_context(|| format!("cannot make {name}"))?;
        // The record last: a file without one is made again.
        fs::rename(&unfinished, &path).with_context(|| format!("cannot make {}", path.display()))?;
        self.write(&record(&path), &serde_json::to_vec(&content)?)?;
        Ok(Artefact { path, content })
    }

    /// Replaces a small file as a whole.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let replace = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(WORK).tempfile_in(&self.folder)?;
            io::Write::write_all(&mut file, bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            File::open(&self.folder)?.sync_all()
        };
        replace().with_context(|| format!("cannot write {}", path.display()))
    }

    fn forget_unfinished_work(&self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(WORK) {
                let path = entry.path();
                let removed = if path.is_dir() {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }
}

async fn wait(lock: File) -> Result<File> {
    let locked = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await?;
    locked.context("cannot wait for the lock on the images")
}

fn record(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

fn recorded(path: &Path) -> Option<Content> {
    let content: Content = serde_json::from_slice(&fs::read(record(path)).ok()?).ok()?;
    (fs::metadata(path).ok()?.len() == content.bytes).then_some(content)
}

/// Makes a file durable and takes its digest.
fn seal(path: &Path) -> Result<Content> {
    let file = File::open(path).with_context(|| format!("nothing was written to {}", path.display()))?;
    file.sync_all()?;
    Ok(Content {
        digest: Digest::of(&file)?,
        bytes: file.metadata()?.len(),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_file_is_made_once_per_key_and_again_when_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().into()).await.unwrap();
        let count = Cell::new(0);
        let make = async |key: &str| {
            let write = async |path: &Path| {
                count.set(count.get() + 1);
                Ok(fs::write(path, "content")?)
            };
            store.artefact("thing.img", &Key::new(key), write).await.unwrap()
        };
        let first = make("a").await;
        assert_eq!(make("a").await.path, first.path);
        assert_ne!(make("b").await.path, first.path);
        assert_eq!(count.get(), 2);
        fs::write(&first.path, "cut").unwrap();
        assert_eq!(make("a").await.content, first.content);
        assert_eq!(count.get(), 3);
    }

    #[tokio::test]
    async fn a_failure_and_an_interruption_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().into()).await.unwrap();
        let fail = async |path: &Path| {
            fs::write(path, "half")?;
            anyhow::bail!("no more")
        };
        let error = store.artefact("thing", &Key::new("a"), fail).await.unwrap_err();
        assert!(format!("{error:#}").contains("thing"), "{error:#}");
        // As after SIGKILL.
        std::mem::forget(store.work().unwrap());
        drop(store);
        let store = Store::open(folder.path().into()).await.unwrap();
        let left: Vec<_> = fs::read_dir(store.folder())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn ingredients_do_not_run_into_each_other() {
        assert_ne!(Key::new("a").with("bc").short(), Key::new("ab").with("c").short());
    }
}
