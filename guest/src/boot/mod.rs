//! Stage 1, as `/init` of the initramfs: from a bare kernel to PID 1 on the joined root.
//!
//! ```text
//! /dev /proc /sys ─▶ modules ─▶ vda (read-only) + vdb (read-write) ─▶ overlay ─▶ switch root ─▶ exec `init`
//! ```

mod modules;
mod root;

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{fs, io};

use nix::mount::MsFlags;
use thiserror::Error;

use crate::init;
use crate::log::say;

/// Where the running program is found after the switch: a bind mount of the initramfs's `/init`.
pub(crate) const PROGRAM: &str = "/run/roost/guest";

/// Where the writable drive stays mounted after the switch, so that power-off can make it clean.
pub(crate) const DATA: &str = "/run/roost/data";

/// Why the guest cannot boot.
#[derive(Debug, Error)]
#[error("cannot {action}: {source}")]
pub(crate) struct BootError {
    action: String,
    source: io::Error,
}

/// Names the step an error belongs to.
pub(crate) trait Doing<T> {
    /// `action` completes the sentence "cannot …".
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, BootError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, BootError> {
        self.map_err(|source| BootError {
            action: action(),
            source: source.into(),
        })
    }
}

/// Boots, or says why not and turns the machine off.
pub(crate) fn run() -> ! {
    let Err(error) = boot();
    say!("{error}; powering off");
    init::power_off()
}

fn boot() -> Result<Infallible, BootError> {
    let kernel_filesystems = [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")];
    for (kind, target) in kernel_filesystems {
        mount(kind, target, kind, MsFlags::MS_NOSUID, None)?;
    }
    modules::load_all("/modules")?;
    root::assemble()?;
    root::switch()?;
    let error = Command::new(PROGRAM).arg0("roost-guest").arg("init").exec();
    Err(error).doing(|| format!("start {PROGRAM}"))
}

/// Mounts a filesystem on a directory, which it makes when missing.
pub(crate) fn mount(
    source: &str,
    target: &str,
    kind: &str,
    flags: MsFlags,
    options: Option<&str>,
) -> Result<(), BootError> {
    fs::create_dir_all(target).doing(|| format!("make {target}"))?;
    nix::mount::mount(Some(source), target, Some(kind), flags, options)
        .doing(|| format!("mount {source} on {target} ({kind})"))
}
