//! The writable drives: one folder per owner, so that nothing of one incarnation can be taken for another's.
//!
//! ```text
//! <folder>/<sandbox>.<generation>/data.ext4
//! ```

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use roost_images::sparse;
use roost_schemas::Owner;
use roost_schemas::snapshot::Snapshot;
use roost_snapshots::{Store, StoreError};

const FILE: &str = "data.ext4";

/// The drives of this host.
#[derive(Debug, Clone)]
pub struct DriveStore {
    folder: PathBuf,
    blank: PathBuf,
}

/// Why a drive could not be made or removed. Nothing of a drive that could not be made is left.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The empty drive cannot be read.
    #[error("cannot read the empty drive {path}: make the images with `cargo xtask images`")]
    NoBlank {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The disk, or the user's share of it, is full.
    #[error("no space for a drive in {path}: remove sandboxes, or move the host's state to a larger disk")]
    NoSpace {
        /// The drive's folder.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The snapshot that it should come from cannot be used.
    #[error(transparent)]
    Snapshot(StoreError),
    /// Something else the kernel refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl DriveStore {
    /// Keeps drives in `folder`, made when first needed, as copies of `blank`.
    pub fn new(folder: PathBuf, blank: PathBuf) -> Self {
        Self { folder, blank }
    }

    /// The drive of `owner`: the one it has, else a new, empty one.
    ///
    /// It is not forced to the disk: a machine that loses power loses the VM that would have used it as well.
    pub fn create(&self, owner: &Owner) -> Result<PathBuf, DriveError> {
        if let Some(drive) = self.find(owner)? {
            return Ok(drive);
        }
        let blank = File::open(&self.blank).map_err(|source| DriveError::NoBlank {
            path: self.blank.clone(),
            source,
        })?;
        self.make(owner, |drive, empty| {
            sparse::copy(&blank, empty).map_err(failed("write the drive", drive))
        })
    }

    /// The drive of `owner`: the one it has, else one as it was when `snapshot` of `store` was taken.
    pub fn restore(&self, owner: &Owner, store: &Store, snapshot: &Snapshot) -> Result<PathBuf, DriveError> {
        if let Some(drive) = self.find(owner)? {
            return Ok(drive);
        }
        self.make(owner, |drive, empty| {
            let restored = store.restore_drive(snapshot, empty);
            restored.map_err(|error| match error {
                // It is the drive that has no room, not the store.
                StoreError::NoSpace { source, .. } => DriveError::NoSpace {
                    path: drive.to_owned(),
                    source,
                },
                error => DriveError::Snapshot(error),
            })
        })
    }

    /// The drive of `owner`, if it has one.
    pub fn find(&self, owner: &Owner) -> Result<Option<PathBuf>, DriveError> {
        let drive = self.folder_of(owner).join(FILE);
        let there = drive.try_exists().map_err(failed("look for", &drive))?;
        Ok(there.then_some(drive))
    }

    /// Makes the drive of `owner` out of what `fill` writes into an empty file.
    fn make(
        &self,
        owner: &Owner,
        fill: impl FnOnce(&Path, &File) -> Result<(), DriveError>,
    ) -> Result<PathBuf, DriveError> {
        let folder = self.folder_of(owner);
        let drive = folder.join(FILE);
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed("create", &folder));
        let made = made.and_then(|()| put(&folder, &drive, fill));
        match made {
            Ok(()) => Ok(drive),
            Err(error) => {
                // Only if it is empty: another call for the same owner may have succeeded.
                let _ = fs::remove_dir(&folder);
                Err(error)
            }
        }
    }

    /// Removes the drive of `owner`; does nothing if it has none.
    pub fn remove(&self, owner: &Owner) -> Result<(), DriveError> {
        let folder = self.folder_of(owner);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &folder)(error)),
            _ => Ok(()),
        }
    }

    /// Who has a drive.
    pub fn owners(&self) -> Result<Vec<Owner>, DriveError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.folder)(error)),
        };
        let owner = |entry: fs::DirEntry| Owner::parse(entry.file_name().to_str()?, '.');
        let owners: io::Result<Vec<_>> = entries.map(|entry| entry.map(owner)).collect();
        Ok(owners
            .map_err(failed("read", &self.folder))?
            .into_iter()
            .flatten()
            .collect())
    }

    fn folder_of(&self, owner: &Owner) -> PathBuf {
        self.folder.join(owner.to_string())
    }
}

/// Puts what `fill` writes at `drive`, whole or not at all.
fn put(
    folder: &Path,
    drive: &Path,
    fill: impl FnOnce(&Path, &File) -> Result<(), DriveError>,
) -> Result<(), DriveError> {
    let written = tempfile::NamedTempFile::new_in(folder).map_err(failed("create a file in", folder))?;
    fill(drive, written.as_file())?;
    match written.persist_noclobber(drive) {
        // Another call for the same owner was faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other
            .map(drop)
            .map_err(|error| failed("create", drive)(error.error)),
    }
}

/// Reads a folder's name as [`Owner`] writes it.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DriveError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DriveError::NoSpace { path, source },
        _ => DriveError::Io { action, path, source },
    }
}

#[cfg(test)]
mod tests;
