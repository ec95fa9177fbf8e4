//! The store's folder and the plain files in it: no link is followed, and nothing outside is reached.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use roost_images::sparse;
use roost_schemas::SnapshotId;
use roost_schemas::snapshot::PAGE;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::error::{Damage, StoreError, Trouble, failed};
use crate::file::ZEROS;

/// The store's folder.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    folder: OwnedFd,
}

/// A plain file of the store, open for reading.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
}

/// A file as it was at one moment: any write or replacement changes one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) bytes: u64,
    place: (u64, u64),
    written: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            bytes: found.len(),
            place: (found.dev(), found.ino()),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl Plain {
    /// Opens a file that is not the store's.
    pub(crate) fn outside(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let identity = Identity::of(&file).map_err(failed("read", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            identity,
        })
    }
}

impl Root {
    /// Opens the folder, made for root's eyes only if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let make = DirBuilder::new().recursive(true).mode(0o700).create(path);
        make.map_err(failed("make", path))?;
        let folder = File::open(path).map_err(failed("open", path))?;
        folder
            .set_permissions(fs::Permissions::from_mode(0o700))
            .map_err(failed("keep to root", path))?;
        let root = Self {
            path: path.to_owned(),
            folder: folder.into(),
        };
        if !root.holes_are_exact().map_err(failed("write to", path))? {
            return Err(StoreError::CoarseHoles {
                path: path.to_owned(),
            });
        }
        Ok(root)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the sealed snapshot `id` is, or would be.
    pub(crate) fn sealed(&self, id: &SnapshotId) -> PathBuf {
        self.path.join(id.as_str())
    }

    /// Opens a file of one of the store's folders.
    pub(crate) fn plain(&self, folder: &str, name: &str) -> Result<Plain, Trouble> {
        let path = self.path.join(folder).join(name);
        let damaged = |damage| Trouble::Damaged {
            file: path.clone(),
            damage,
        };
        // Not to wait for a writer, if it should be a pipe.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let relative = Path::new(folder).join(name);
        let file = match openat2(&self.folder, relative, flags, Mode::empty(), within) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Err(damaged(Damage::Missing)),
            Err(Errno::LOOP | Errno::NXIO | Errno::NOTDIR) => return Err(damaged(Damage::NotAFile)),
            Err(error) => return Err(failed("open", &path)(error.into()).into()),
        };
        let found = file.metadata().map_err(failed("read", &path))?;
        if !found.is_file() {
            return Err(damaged(Damage::NotAFile));
        }
        let identity = Identity::of(&file).map_err(failed("read", &path))?;
        Ok(Plain { file, path, identity })
    }

    /// Makes durable which folders there are.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        rustix::fs::fsync(&self.folder).map_err(|error| failed("sync", &self.path)(error.into()))
    }

    /// Whether the file system tells written pages from holes, one by one: a hole in a partial dump means something.
    fn holes_are_exact(&self) -> io::Result<bool> {
        let length = 64 * PAGE;
        let probe = tempfile::tempfile_in(&self.path)?;
        probe.set_len(length)?;
        let written = [5, 7].map(|page| (page * PAGE, (page + 1) * PAGE));
        for (start, _) in written {
            probe.write_all_at(&[1; ZEROS.len()], start)?;
        }
        probe.sync_data()?;
        let first = sparse::next_data(&probe, 0, length)?;
        let second = sparse::next_data(&probe, written[0].1, length)?;
        let last = sparse::next_data(&probe, written[1].1, length)?;
        Ok((first, second, last) == (Some(written[0]), Some(written[1]), None))
    }
}
