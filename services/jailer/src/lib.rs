//! Puts one engine into a place of its own and becomes it: what Firecracker's jailer does for Firecracker, for any engine.
//!
//! ```text
//!   root of this machine ──▶ descriptors closed ▶ network namespace ▶ cgroups ▶ limits ▶ mount, IPC and UTS namespaces, a root with next to
//!                            nothing in it ▶ a user of its own ▶ no capabilities, no new privileges ▶ system calls
//!                            filtered ──exec──▶ engine
//! ```
//!
//! The command line and the layout of the folders are those of Firecracker's jailer 1.16, so that a host starts both alike.
//! What it adds is `--show`: a program that is not one static file needs its libraries, and what is big and only read is
//! better shown than linked. A pid namespace is made by whoever starts it, who so stays the engine's parent; the engine is
//! then its init, and all that it starts dies with it.

mod cgroup;
pub mod cli;
mod descriptors;
mod devices;
mod error;
mod limits;
mod mounts;
mod privileges;
mod root;
mod syscalls;

pub use error::Jammed;

use std::convert::Infallible;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::Mode;
use rustix::process::umask;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cli::Cli;

/// Becomes the engine; returns only to say why it could not. What was done by then ends with the process, but for the
/// chroot's folder and the cgroups, which the caller removes in any case.
pub fn run(cli: &Cli) -> Result<Infallible, Jammed> {
    descriptors::close_inherited()?;
    // What is made here is for the engine's user to see.
    umask(Mode::WGRP | Mode::WOTH);
    let program = cli.program()?;
    if let Some(netns) = &cli.netns {
        enter(netns)?;
    }
    cgroup::join(cli)?;
    limits::set(&cli.resource_limits)?;
    root::change(cli, &program)?;
    privileges::drop(cli.uid, cli.gid)?;
    syscalls::filter()?;
    let inside = Path::new("/").join(&program.name);
    let path = std::env::var_os("PATH");
    let error = Command::new(&inside)
        .args(["--id", &cli.id])
        .args(&cli.extra)
        .env_clear()
        .envs(path.map(|path| ("PATH", path)))
        .exec();
    Err(Jammed::at("run", &program.path)(error))
}

fn enter(netns: &Path) -> Result<(), Jammed> {
    let namespace = File::open(netns).map_err(Jammed::at("open the network namespace", netns))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(Jammed::at("enter the network namespace", netns))
}
