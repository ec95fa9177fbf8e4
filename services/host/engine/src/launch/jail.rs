//! The jail around one engine: chroot, own user, namespaces and cgroups, made by Firecracker's jailer or by `roost-jailer`.
//!
//! The jailer replaces itself with the engine, so the pid that was spawned is the engine's. Inside, the engine sees only
//! `<chroot_base>/<program>/<id>/root` and what it is shown; every other file it is told of must be put there first.
//!
//! What lies in a jail is the engine's to change, and an engine may have been taken over. So no link in there is followed
//! here, and what comes out is looked at before it is used.

use rustix::fs::OFlags;
use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown, lchown, symlink},
    path::{Path, PathBuf},
};

/// The API socket as the jailed engine names it.
pub(super) const SOCKET_IN_JAIL: &str = "/api.sock";

/// The link in an engine's directory that leads to its root: a socket's path must be short, that of a jail is not.
pub(super) const WAY_IN: &str = "root";

/// How to jail an engine. The uid and gid must belong to this engine alone.
#[derive(Clone, Debug)]
pub struct Jail {
    /// The `jailer` of the same release as the `firecracker`, or `roost-jailer`.
    pub jailer: PathBuf,
    /// User the engine runs as.
    pub uid: u32,
    /// Group the engine runs as.
    pub gid: u32,
    /// Directory below which the jailer builds its chroots.
    pub chroot_base: PathBuf,
    /// 1 or 2.
    pub cgroup_version: u8,
    /// Settings like `memory.limit_in_bytes=300000000`.
    pub cgroups: Vec<String>,
    /// Cgroup under which the jailer makes one for the engine; the program's name when absent.
    pub parent_cgroup: Option<String>,
    /// Limits like `no-file=1024`.
    pub limits: Vec<String>,
    /// Files and folders that the engine may read where they are. `roost-jailer` alone can do that.
    pub shown: Vec<PathBuf>,
}

/// A file that could not be put into a jail, or a jail that could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// The file and the jail are on different file systems.
    #[error("cannot link {} to {}: they are on different file systems; put the jails beside the images", .from.display(), .to.display())]
    CrossDevice {
        /// The file outside.
        from: PathBuf,
        /// Its place inside.
        to: PathBuf,
    },
    /// The engine's user could not read a shared file.
    #[error("{} (mode {mode:o}) is not readable for everyone; a jailed engine shares it: chmod a+r it", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What the engine has put where its file should be.
    #[error("{} is not what an engine writes: {what}", .path.display())]
    Forged {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The system refused.
    #[error("cannot {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Jail {
    /// A jail with cgroup version 1 and no limits.
    pub fn new(jailer: impl Into<PathBuf>, uid: u32, gid: u32, chroot_base: impl Into<PathBuf>) -> Self {
        Self {
            jailer: jailer.into(),
            uid,
            gid,
            chroot_base: chroot_base.into(),
            cgroup_version: 1,
            cgroups: Vec::new(),
            parent_cgroup: None,
            limits: Vec::new(),
            shown: Vec::new(),
        }
    }

    /// Makes the engine's root, and the link [`root`](WAY_IN) to it in the engine's directory `dir`, which is there.
    /// Idempotent. Answers the link.
    pub fn open(&self, binary: &Path, id: &str, dir: &Path) -> Result<PathBuf, JailError> {
        let (root, link) = (self.root(binary, id), dir.join(WAY_IN));
        fs::create_dir_all(&root).map_err(|source| io_error("make", &root, source))?;
        match symlink(&root, &link) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(io_error("link", &link, source))
            }
            _ => Ok(link),
        }
    }

    /// The engine's root directory as the host sees it.
    pub fn root(&self, binary: &Path, id: &str) -> PathBuf {
        self.home(binary, id).join("root")
    }

    /// Puts a file that engines share, and only read, into the jail, by hard link unless it is shown; returns its path inside.
    pub fn share(&self, binary: &Path, id: &str, file: &Path, name: &str) -> Result<String, JailError> {
        let found = fs::metadata(file).map_err(|source| io_error("read", file, source))?;
        // The link shares its owner and mode with every other engine's, so it must not be given to this engine's user.
        if found.permissions().mode() & 0o004 == 0 {
            return Err(JailError::Unreadable {
                path: file.to_owned(),
                mode: found.mode() & 0o7777,
            });
        }
        let place = file
            .canonicalize()
            .map_err(|source| io_error("find", file, source))?;
        if self.shown.iter().any(|shown| place.starts_with(shown)) {
            let link = self.root(binary, id).join(name);
            symlink(&place, &link).map_err(|source| io_error("link", &link, source))?;
            return Ok(format!("/{name}"));
        }
        self.link(binary, id, file, name)
    }

    /// Puts a file of this engine alone into the jail by hard link and gives it to the engine's user; returns its path
    /// inside.
    pub fn give(&self, binary: &Path, id: &str, file: &Path, name: &str) -> Result<String, JailError> {
        let inside = self.link(binary, id, file, name)?;
        chown(file, Some(self.uid), Some(self.gid)).map_err(|source| io_error("give away", file, source))?;
        Ok(inside)
    }

    /// Gives the engine's user what was put into the jail at `name`; a link is given as what it is.
    pub fn give_up(&self, binary: &Path, id: &str, name: &str) -> Result<(), JailError> {
        let path = self.root(binary, id).join(name);
        lchown(&path, Some(self.uid), Some(self.gid)).map_err(|source| io_error("give away", &path, source))
    }

    /// Moves a file that the engine has written at `name` to `to`, on the same file system, and makes it root's. The engine
    /// may still have it open, so its content is only as good as its digest.
    pub fn take(&self, binary: &Path, id: &str, name: &str, to: &Path) -> Result<(), JailError> {
        let from = self.root(binary, id).join(name);
        // Out of the engine's reach first: what is looked at afterwards stays what it is.
        fs::rename(&from, to).map_err(|source| io_error("move", &from, source))?;
        let taken = seize(to);
        if taken.is_err() {
            let _ = fs::remove_file(to);
        }
        taken
    }

    /// Removes the chroot of an engine that has ended. Idempotent. Its mounts ended with its mount namespace.
    pub fn remove(&self, binary: &Path, id: &str) -> Result<(), JailError> {
        let home = self.home(binary, id);
        match fs::remove_dir_all(&home) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &home, source)),
            _ => Ok(()),
        }
    }

    /// The ids of the engines of which there is a chroot.
    pub fn ids(&self, binary: &Path) -> Result<Vec<String>, JailError> {
        let homes = self.chroot_base.join(program(binary));
        let entries = match fs::read_dir(&homes) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io_error("read", &homes, source)),
        };
        let ids = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let ids: io::Result<Vec<_>> = ids.collect();
        let ids = ids.map_err(|source| io_error("read", &homes, source))?;
        Ok(ids.into_iter().flatten().collect())
    }

    /// Cgroups the jailer made for an engine, relative to each controller's mount; they end empty and are the caller's
    /// to remove.
    pub fn cgroup(&self, binary: &Path, id: &str) -> PathBuf {
        let parent = self
            .parent_cgroup
            .as_ref()
            .map_or_else(|| PathBuf::from(program(binary)), PathBuf::from);
        parent.join(id)
    }

    pub(super) fn arguments(&self, binary: &Path, id: &str, netns: Option<&Path>) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["--id".into(), id.into(), "--exec-file".into(), binary.into()];
        args.extend([
            "--uid".into(),
            self.uid.to_string().into(),
            "--gid".into(),
            self.gid.to_string().into(),
        ]);
        args.extend(["--chroot-base-dir".into(), self.chroot_base.clone().into()]);
        args.extend(["--cgroup-version".into(), self.cgroup_version.to_string().into()]);
        if let Some(parent) = &self.parent_cgroup {
            args.extend(["--parent-cgroup".into(), parent.into()]);
        }
        args.extend(
            self.cgroups
                .iter()
                .flat_map(|setting| ["--cgroup".into(), setting.into()]),
        );
        args.extend(
            self.limits
                .iter()
                .flat_map(|limit| ["--resource-limit".into(), limit.into()]),
        );
        args.extend(self.shown.iter().flat_map(|path| ["--show".into(), path.into()]));
        args.extend(
            netns
                .into_iter()
                .flat_map(|netns| ["--netns".into(), netns.into()]),
        );
        args
    }

    fn home(&self, binary: &Path, id: &str) -> PathBuf {
        self.chroot_base.join(program(binary)).join(id)
    }

    fn link(&self, binary: &Path, id: &str, file: &Path, name: &str) -> Result<String, JailError> {
        let root = self.root(binary, id);
        fs::create_dir_all(&root).map_err(|source| io_error("make", &root, source))?;
        let to = root.join(name);
        match fs::hard_link(file, &to) {
            Ok(()) => Ok(format!("/{name}")),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Err(JailError::CrossDevice {
                from: file.to_owned(),
                to,
            }),
            Err(source) => Err(io_error("link", &to, source)),
        }
    }
}

/// Makes `path` root's, which must be a file with one name: neither a link to somebody else's nor a pipe.
fn seize(path: &Path) -> Result<(), JailError> {
    let failed = |source| io_error("take", path, source);
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let file = opened.map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(JailError::Forged {
            path: path.to_owned(),
            what: "it is no file, or has another name as well",
        });
    }
    fchown(&file, Some(0), Some(0)).map_err(failed)?;
    // Other engines may come to share it.
    file.set_permissions(fs::Permissions::from_mode(0o644))
        .map_err(failed)
}

/// The jailer names its directories after the program's file name.
fn program(binary: &Path) -> &OsStr {
    binary.file_name().unwrap_or(binary.as_os_str())
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> JailError {
    JailError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}
