//! QEMU itself: how it is called, where its memory lives, how it lives and dies.

mod accel;
mod arguments;
mod cmdline;
mod devices;
mod process;
mod ram;

pub(crate) use accel::Accelerator;
pub(crate) use process::{Ended, Vm, boot};

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
