//! The root filesystem: a shared read-only base below, the sandbox's own drive above, joined by overlayfs.

use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, umount2};
use nix::unistd::{chdir, chroot};

use super::{BootError, DATA, Doing, PROGRAM, mount};

const BASE_DRIVE: &str = "/dev/vda";
const DATA_DRIVE: &str = "/dev/vdb";
const NEW_ROOT: &str = "/root";

/// A drive is there as soon as its driver is loaded; this allows for engines that announce it late.
const DRIVE_WAIT: Duration = Duration::from_secs(10);
const DRIVE_POLL: Duration = Duration::from_millis(2);

/// Mounts the new root and moves everything into it that must survive the switch.
pub(super) fn assemble() -> Result<(), BootError> {
    wait_for(BASE_DRIVE)?;
    wait_for(DATA_DRIVE)?;
    mount(
        BASE_DRIVE,
        "/base",
        "ext4",
        MsFlags::MS_RDONLY | MsFlags::MS_NOATIME,
        None,
    )?;
    mount(DATA_DRIVE, "/data", "ext4", MsFlags::MS_NOATIME, None)?;
    for folder in ["/data/upper", "/data/work"] {
        fs::create_dir_all(folder).doing(|| format!("make {folder} on {DATA_DRIVE}"))?;
    }
    let layers = "lowerdir=/base,upperdir=/data/upper,workdir=/data/work";
    mount("roost", NEW_ROOT, "overlay", MsFlags::MS_NOATIME, Some(layers))?;

    let run = format!("{NEW_ROOT}/run");
    mount(
        "tmpfs",
        &run,
        "tmpfs",
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some("mode=0755"),
    )?;
    // The sandbox's programs have no business in the drive under their root.
    let private = format!("{NEW_ROOT}{DATA}");
    fs::create_dir_all(&private)
        .and_then(|()| fs::set_permissions(&private, fs::Permissions::from_mode(0o700)))
        .doing(|| format!("make {private}"))?;
    let program = format!("{NEW_ROOT}{PROGRAM}");
    fs::write(&program, "").doing(|| format!("make {program}"))?;
    nix::mount::mount(
        Some("/init"),
        program.as_str(),
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .doing(|| format!("bind /init to {program}"))?;

    relocate("/data", &private)?;
    for kept in ["/dev", "/proc", "/sys"] {
        let target = format!("{NEW_ROOT}{kept}");
        fs::create_dir_all(&target).doing(|| format!("make {target}"))?;
        relocate(kept, &target)?;
    }
    // The overlay keeps its own hold on the base.
    umount2("/base", MntFlags::MNT_DETACH).doing(|| "detach /base".into())
}

/// Makes the new root the root of everything and forgets the initramfs's files, which occupy memory.
pub(super) fn switch() -> Result<(), BootError> {
    fs::remove_dir_all("/modules").doing(|| "free the initramfs".into())?;
    chdir(NEW_ROOT).doing(|| format!("enter {NEW_ROOT}"))?;
    relocate(".", "/")?;
    chroot(".").doing(|| "change the root".into())?;
    chdir("/").doing(|| "enter the new root".into())
}

fn relocate(from: &str, to: &str) -> Result<(), BootError> {
    nix::mount::mount(Some(from), to, None::<&str>, MsFlags::MS_MOVE, None::<&str>)
        .doing(|| format!("move {from} to {to}"))
}

fn wait_for(drive: &str) -> Result<(), BootError> {
    let deadline = Instant::now() + DRIVE_WAIT;
    while !Path::new(drive).exists() {
        if Instant::now() > deadline {
            let missing = Error::new(ErrorKind::NotFound, "the engine attached no such drive");
            return Err(missing).doing(|| format!("find {drive} within {DRIVE_WAIT:?}"));
        }
        sleep(DRIVE_POLL);
    }
    Ok(())
}
