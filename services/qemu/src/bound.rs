//! Running a program that dies with us.
//!
//! `roost-qemu exec-bound <pid of the parent> <program> <arguments…>` asks the kernel to be killed when its parent
//! ends, makes sure that this has not happened already, and becomes the program. The parent must have spawned it from
//! a thread that lives as long as the process does: the kernel watches the thread.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

/// The hidden subcommand's name.
pub const EXEC_BOUND: &str = "exec-bound";

/// Becomes `command`; returns only to say why it could not.
pub fn exec_bound(parent: u32, command: &[OsString]) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot ask to die with the parent")?;
    // A parent that ended before the request above will never be noticed: look once, afterwards.
    let parent = i32::try_from(parent).ok().and_then(Pid::from_raw);
    if getppid() != parent {
        bail!("the parent has already ended");
    }
    let (program, args) = command.split_first().context("no program to run")?;
    let error = Command::new(program).args(args).exec();
    Err(error).with_context(|| {
        format!(
            "cannot run {}; install it or name it with --qemu",
            program.display()
        )
    })
}
