//! From a configuration to a QEMU that is being built and answers nothing yet.

use super::{
    Host,
    arguments::{self, Beginning, Inherited},
    preload::Preload,
    process::{Process, channel},
};
use crate::{
    console::Console,
    machine::{Config, Fault},
};
use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
};
use tokio::net::UnixStream;

/// A QEMU that has been spawned.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) monitor: UnixStream,
    /// Where the library inside QEMU reports, if there is one.
    pub(super) report: Option<UnixStream>,
}

/// Spawns QEMU for this machine with this memory. With `faults`, somebody else is to fill the memory.
pub(super) fn start(
    config: &Config,
    host: &Host,
    memory: &File,
    beginning: Beginning,
    faults: bool,
) -> Result<Started, Fault> {
    let failed = |error: io::Error| Fault::Boot {
        reason: error.to_string(),
    };
    let console = Console::open(&config.serial).map_err(|(path, error)| Fault::File {
        what: "serial_out_path",
        path,
        reason: error.to_string(),
    })?;
    // QEMU's descriptors are copies that we close: while we held them too, its end would not close them.
    let ram = OwnedFd::from(memory.try_clone().map_err(failed)?);
    let (monitor, monitor_theirs) = channel().map_err(failed)?;
    let (serial, serial_theirs) = channel().map_err(failed)?;
    let inherited = Inherited {
        ram: ram.as_raw_fd(),
        monitor: monitor_theirs.as_raw_fd(),
        serial: serial_theirs.as_raw_fd(),
    };
    let args = arguments::compose(config, host, inherited, beginning)?;
    let preload = faults.then(Preload::new).transpose().map_err(failed)?;
    let mut descriptors = vec![&ram, &monitor_theirs, &serial_theirs];
    let mut variables = Vec::new();
    if let Some(preload) = &preload {
        descriptors.extend(preload.inherited());
        variables.extend(preload.variables(&ram));
    }
    let process = Process::spawn(host, &args, variables, &descriptors).map_err(failed)?;
    tokio::spawn(console.copy(serial));
    Ok(Started {
        process,
        monitor,
        report: preload.map(Preload::into_report),
    })
}
