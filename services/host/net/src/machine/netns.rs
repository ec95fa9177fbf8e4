//! Network namespaces kept alive by a file.
//!
//! A namespace lives as long as something refers to it; a bind mount of `/proc/thread-self/ns/net` onto a file is such a
//! reference. The folder of these files is a *shared* mount: a process that copies the mount table (as an engine's
//! jailer does) copies those references too, and only in a shared mount does unmounting here unmount the copies, so that
//! a long-lived process elsewhere cannot pin a dead namespace.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{FsType, statfs};

use crate::error::OsError;

/// `NSFS_MAGIC` of `linux/magic.h`: the file system type of a mounted namespace.
const NSFS_MAGIC: FsType = FsType(0x6e73_6673);

/// The calling thread's namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// Makes `folder` a shared mount of its own; does nothing if it is one already.
pub(crate) fn share(folder: &Path) -> Result<(), OsError> {
    match set_propagation(folder, MsFlags::MS_SHARED) {
        // Not a mount point yet: mount it onto itself.
        Err(Errno::EINVAL) => {
            bind(folder, folder).map_err(OsError::file("cannot bind-mount", folder))?;
            set_propagation(folder, MsFlags::MS_SHARED)
        }
        other => other,
    }
    .map_err(OsError::file("cannot make a shared mount of", folder))
}

/// Moves the calling thread, which must end soon, into a new network namespace, kept alive by `file`.
pub(crate) fn create(file: &Path) -> Result<(), OsError> {
    let created = File::options().write(true).create_new(true).open(file);
    let opened = created.map_err(OsError::file("cannot create", file))?;
    opened
        .set_permissions(fs::Permissions::from_mode(0o600))
        .map_err(OsError::file("cannot restrict", file))?;
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(OsError::file("cannot create a network namespace for", file))?;
    bind(Path::new(OWN), file).map_err(OsError::file("cannot mount a namespace on", file))
}

/// Moves the calling thread, which must end soon, into the namespace of `file`.
pub(crate) fn enter(file: &Path) -> Result<(), OsError> {
    let namespace = File::open(file).map_err(OsError::file("cannot open", file))?;
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(OsError::file("cannot enter the namespace of", file))
}

/// A reference to the calling thread's namespace, to [`return_to`] it.
pub(crate) fn current() -> Result<File, OsError> {
    File::open(OWN).map_err(OsError::file("cannot open", OWN))
}

/// Moves the calling thread back to where [`current`] was called.
pub(crate) fn return_to(namespace: &File) -> Result<(), OsError> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(OsError::file("cannot return to the namespace", OWN))
}

/// Whether `file` holds a namespace, rather than being what a crash left of one.
pub(crate) fn is_alive(file: &Path) -> bool {
    statfs(file).is_ok_and(|stat| stat.filesystem_type() == NSFS_MAGIC)
}

/// Lets go of the namespace of `file` and removes the file; does nothing if there is none.
pub(crate) fn remove(file: &Path) -> Result<(), OsError> {
    unmount(file)?;
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OsError::file("cannot remove", file)(error))
        }
        _ => Ok(()),
    }
}

/// Unmounts whatever is mounted on `path`, however often.
pub(crate) fn unmount(path: &Path) -> Result<(), OsError> {
    loop {
        match umount2(path, MntFlags::MNT_DETACH) {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::ENOENT) => return Ok(()),
            Err(error) => return Err(OsError::file("cannot unmount", path)(error)),
        }
    }
}

fn bind(source: &Path, target: &Path) -> Result<(), Errno> {
    mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)
}

fn set_propagation(folder: &Path, propagation: MsFlags) -> Result<(), Errno> {
    mount(None::<&str>, folder, None::<&str>, propagation, None::<&str>)
}
