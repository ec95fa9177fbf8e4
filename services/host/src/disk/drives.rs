//! The writable drives: one folder per owner, so that nothing of one incarnation can be taken for another's.
//!
//! ```text
//! <folder>/<sandbox>.<generation>/data.ext4
//! ```

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use roost_schemas::{Generation, Owner, SandboxId};

use roost_images::sparse;

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
        let folder = self.folder_of(owner);
        let drive = folder.join(FILE);
        if drive.try_exists().map_err(failed("look for", &drive))? {
            return Ok(drive);
        }
        let blank = File::open(&self.blank).map_err(|source| DriveError::NoBlank {
            path: self.blank.clone(),
            source,
        })?;
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed("create", &folder));
        let made = made.and_then(|()| fill(&folder, &drive, &blank));
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
        let owner = |entry: fs::DirEntry| parse(entry.file_name().to_str()?);
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

/// Puts a copy of `blank` at `drive`, whole or not at all.
fn fill(folder: &Path, drive: &Path, blank: &File) -> Result<(), DriveError> {
    let copy = tempfile::NamedTempFile::new_in(folder).map_err(failed("create a file in", folder))?;
    sparse::copy(blank, copy.as_file()).map_err(failed("write the drive", drive))?;
    match copy.persist_noclobber(drive) {
        // Another call for the same owner was faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other
            .map(drop)
            .map_err(|error| failed("create", drive)(error.error)),
    }
}

/// Reads a folder's name as [`Owner`] writes it.
fn parse(name: &str) -> Option<Owner> {
    let (sandbox, generation) = name.split_once('.')?;
    Some(Owner {
        sandbox: SandboxId::new(sandbox).ok()?,
        generation: Generation(generation.parse().ok()?),
    })
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DriveError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DriveError::NoSpace { path, source },
        _ => DriveError::Io { action, path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::os::unix::fs::{FileExt, MetadataExt};

    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

    use super::*;

    const LENGTH: u64 = 64 << 20;

    fn owner(sandbox: &str, generation: u64) -> Owner {
        Owner {
            sandbox: sandbox.parse().unwrap(),
            generation: Generation(generation),
        }
    }

    /// A store in `folder`, beside an empty drive with 200 kB of data in it.
    fn store(images: &Path, folder: &Path) -> DriveStore {
        let blank = images.join("blank.ext4");
        let file = File::create(&blank).unwrap();
        file.set_len(LENGTH).unwrap();
        file.write_all_at(&vec![9; 200_000], 1 << 20).unwrap();
        DriveStore::new(folder.to_owned(), blank)
    }

    #[test]
    fn a_drive_is_a_sparse_copy_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), &folder.path().join("drives"));
        assert_eq!(store.owners().unwrap(), []);
        let drive = store.create(&owner("sb1", 3)).unwrap();
        let made = fs::metadata(&drive).unwrap();
        assert_eq!(made.len(), LENGTH);
        assert!(
            made.blocks() * 512 < 1 << 20,
            "{} blocks for 200 kB",
            made.blocks()
        );

        File::options()
            .write(true)
            .open(&drive)
            .unwrap()
            .write_all_at(b"written by the guest", 0)
            .unwrap();
        assert_eq!(store.create(&owner("sb1", 3)).unwrap(), drive);
        assert!(fs::read(&drive).unwrap().starts_with(b"written by the guest"));
        let other = store.create(&owner("sb1", 4)).unwrap();
        assert!(
            fs::read(other).unwrap().starts_with(&[0; 20]),
            "another generation starts empty"
        );
        let mut owners = store.owners().unwrap();
        owners.sort();
        assert_eq!(owners, [owner("sb1", 3), owner("sb1", 4)]);
    }

    #[test]
    fn removing_can_be_repeated_and_spares_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), &folder.path().join("drives"));
        store.create(&owner("sb1", 1)).unwrap();
        store.create(&owner("sb2", 1)).unwrap();
        for _ in 0..2 {
            store.remove(&owner("sb1", 1)).unwrap();
        }
        assert_eq!(store.owners().unwrap(), [owner("sb2", 1)]);
    }

    #[test]
    fn calls_for_one_owner_that_meet_agree() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), &folder.path().join("drives"));
        let drives: Vec<_> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| store.create(&owner("sb1", 1)).unwrap()))
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        assert!(drives.iter().all(|drive| *drive == drives[0]));
        assert_eq!(
            fs::read_dir(drives[0].parent().unwrap()).unwrap().count(),
            1,
            "no half-made copy is left"
        );
    }

    #[test]
    fn a_missing_blank_is_named_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let store = DriveStore::new(folder.path().join("drives"), folder.path().join("blank.ext4"));
        let error = store.create(&owner("sb1", 1)).unwrap_err();
        assert!(
            error.to_string().contains("blank.ext4: make the images"),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_a_drive_is_nobodys() {
        for name in ["", "sb1", "sb1.", ".1", "sb1.x", "../sb1.1", "SB1.1", "sb1.1.2"] {
            assert_eq!(parse(name), None, "{name}");
        }
        assert_eq!(parse("sb1.7"), Some(owner("sb1", 7)));
    }

    /// A file system of a given size, unmounted when dropped.
    struct SmallDisk(tempfile::TempDir);

    impl SmallDisk {
        fn new(size: &str) -> Self {
            assert!(
                rustix::process::geteuid().is_root(),
                "this test needs root: it mounts a small file system"
            );
            let folder = tempfile::tempdir().unwrap();
            let size = CString::new(format!("size={size}")).unwrap();
            mount(
                "roost-test",
                folder.path(),
                "tmpfs",
                MountFlags::empty(),
                size.as_c_str(),
            )
            .unwrap();
            Self(folder)
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            let _ = unmount(self.0.path(), UnmountFlags::DETACH);
        }
    }

    #[test]
    fn a_full_disk_is_said_so_and_nothing_is_left() {
        let (images, disk) = (tempfile::tempdir().unwrap(), SmallDisk::new("300k"));
        let store = store(images.path(), &disk.0.path().join("drives"));
        store.create(&owner("sb1", 1)).unwrap();
        let error = store.create(&owner("sb2", 1)).unwrap_err();
        assert!(matches!(error, DriveError::NoSpace { .. }), "{error:?}");
        assert!(error.to_string().contains("remove sandboxes"));
        assert_eq!(store.owners().unwrap(), [owner("sb1", 1)]);
        store.remove(&owner("sb1", 1)).unwrap();
        store.create(&owner("sb2", 1)).expect("there is room again");
    }
}
