//! QEMU itself: how it is called, where its memory lives, how it lives and dies.

mod accel;
mod arguments;
mod boot;
mod cmdline;
mod devices;
mod pager;
mod preload;
mod process;
mod ram;
mod restore;
mod start;
mod statefile;
mod vm;

pub(crate) use accel::Accelerator;
pub(crate) use boot::boot;
pub(crate) use process::Ended;
pub(crate) use restore::{Source, restore};
pub(crate) use vm::Vm;

use pager::Pager;

use std::path::PathBuf;

/// What of the host a machine is built from.
#[derive(Clone, Debug)]
pub struct Host {
    /// QEMU's program, found on `PATH` when it is a bare name.
    pub qemu: PathBuf,
    /// Directory of a tmpfs that holds guest memory.
    pub ram_dir: PathBuf,
    /// How guest instructions are executed.
    pub(crate) accelerator: Accelerator,
}

impl Host {
    /// Chooses how this host executes guests.
    pub fn new(qemu: PathBuf, ram_dir: PathBuf) -> Self {
        Self {
            qemu,
            ram_dir,
            accelerator: Accelerator::detect(),
        }
    }
}
