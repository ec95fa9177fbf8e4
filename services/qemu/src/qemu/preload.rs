//! The library that QEMU is made to load, carried in this program and given to QEMU without ever being a file.

use super::process::channel;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::{AsRawFd, OwnedFd},
};
use tokio::net::UnixStream;

/// See `preload/src/lib.rs`.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libroost_preload.so"));

/// The library for one QEMU, and the socket it reports to.
#[derive(Debug)]
pub(super) struct Preload {
    library: OwnedFd,
    report: UnixStream,
    report_theirs: OwnedFd,
}

impl Preload {
    /// Prepares both.
    pub(super) fn new() -> io::Result<Self> {
        let library = memfd_create("roost-preload", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut library = File::from(library);
        library.write_all(LIBRARY)?;
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        fcntl_add_seals(&library, seals)?;
        let (report, report_theirs) = channel()?;
        Ok(Self {
            library: library.into(),
            report,
            report_theirs,
        })
    }

    /// What QEMU must inherit.
    pub(super) fn inherited(&self) -> [&OwnedFd; 2] {
        [&self.library, &self.report_theirs]
    }

    /// What QEMU's environment must say; `memory` is the descriptor it inherits.
    pub(super) fn variables(&self, memory: &OwnedFd) -> [(&'static str, OsString); 2] {
        let descriptors = format!("{},{}", memory.as_raw_fd(), self.report_theirs.as_raw_fd());
        let library = format!("/proc/self/fd/{}", self.library.as_raw_fd());
        [("ROOST_UFFD", descriptors.into()), ("LD_PRELOAD", library.into())]
    }

    /// Our end, once QEMU has been spawned.
    pub(super) fn into_report(self) -> UnixStream {
        self.report
    }
}
