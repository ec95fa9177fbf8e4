//! The engine's root: its folder, with what it is shown laid over it, and nothing else of the machine.
//!
//! ```text
//!   /            <base>/<program>/<id>/root   the engine's own    no devices, no programs
//!   /<program>   the engine                   read-only
//!   /…           what it is shown             read-only           no devices
//!   /proc        of its own pid namespace     read-only
//!   /dev         the devices it needs         memory
//!   /dev/shm     the guest's memory           memory              no devices, no programs
//! ```
//!
//! All but the folder itself is mounted in a namespace of its own, and so is gone with the engine.

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use crate::cli::{Cli, Program};
use crate::devices;
use crate::error::Jammed;

/// What a distribution may have as links into `/usr`, and programs name without it.
const LINKS: [&str; 2] = ["lib", "lib64"];

/// Moves into the root of the engine, which is made.
pub(crate) fn change(cli: &Cli, program: &Program) -> Result<(), Jammed> {
    let base = &cli.chroot_base_dir;
    let base = base.canonicalize().map_err(Jammed::at("use", base))?;
    let root = base.join(&program.name).join(&cli.id).join("root");
    fs::create_dir_all(&root).map_err(Jammed::at("make", &root))?;
    fs::set_permissions(&root, Permissions::from_mode(0o700)).map_err(Jammed::at("close", &root))?;
    chown(&root, Some(cli.uid), Some(cli.gid)).map_err(Jammed::at("give away", &root))?;

    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS)
        .map_err(Jammed::step("make namespaces"))?;
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).map_err(Jammed::step("keep mounts to itself"))?;
    bind(&root, &root, MountFlags::NOEXEC)?;
    show(&program.path, &root.join(&program.name))?;
    for path in &cli.show {
        show(path, &beneath(&root, path))?;
    }
    for link in LINKS {
        if let Ok(target) = fs::read_link(Path::new("/").join(link)) {
            let link = root.join(link);
            symlink(target, &link).map_err(Jammed::at("make the link", &link))?;
        }
    }
    let kept = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    lay("proc", &root.join("proc"), kept | MountFlags::RDONLY, "hidepid=2")?;
    let dev = root.join("dev");
    let ours = MountFlags::NOSUID | MountFlags::NOEXEC;
    lay("tmpfs", &dev, ours, "mode=0755,size=64k,nr_inodes=32")?;
    devices::make(&dev, cli.uid, cli.gid)?;
    let memory = format!("mode=0700,uid={},gid={}", cli.uid, cli.gid);
    lay("tmpfs", &dev.join("shm"), kept, &memory)?;

    // The old root is put over the new one, and taken away from there.
    chdir(&root)
        .and_then(|()| pivot_root(".", "."))
        .and_then(|()| unmount(".", UnmountFlags::DETACH))
        .and_then(|()| chdir("/"))
        .map_err(Jammed::at("make a root of", &root))
}

/// `path` with `root` before it.
fn beneath(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Lets `from` be seen at `to`, which is made, but not be written.
fn show(from: &Path, to: &Path) -> Result<(), Jammed> {
    let found = fs::metadata(from).map_err(Jammed::at("show", from))?;
    let made = if found.is_dir() {
        fs::create_dir_all(to)
    } else {
        let folder = to.parent().map_or(Ok(()), fs::create_dir_all);
        folder.and_then(|()| File::create(to).map(drop))
    };
    made.map_err(Jammed::at("make", to))?;
    bind(from, to, MountFlags::RDONLY)
}

/// Mounts `from` at `to` without devices and programs that change the user, and with `flags`.
fn bind(from: &Path, to: &Path, flags: MountFlags) -> Result<(), Jammed> {
    // A bind has the flags of what it is made of until it is mounted again (mount(2)).
    let flags = flags | MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV;
    mount_bind(from, to)
        .and_then(|()| mount_remount(to, flags, ""))
        .map_err(Jammed::at("mount", to))
}

/// Mounts a file system of `kind` at `to`, which is made.
fn lay(kind: &str, to: &Path, flags: MountFlags, options: &str) -> Result<(), Jammed> {
    fs::create_dir_all(to).map_err(Jammed::at("make", to))?;
    let options = CString::new(options).unwrap_or_default();
    mount(kind, to, kind, flags, options.as_c_str()).map_err(Jammed::at("mount", to))
}
