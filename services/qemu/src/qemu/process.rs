//! One QEMU process, from spawn to end.

use super::{
    Host,
    arguments::{self, Inherited},
    ram,
};
use crate::{
    bound::EXEC_BOUND,
    console::Console,
    machine::{Config, Fault},
    qmp::{Command as QmpCommand, Qmp, QmpError},
};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};
use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream as StdUnixStream,
    },
    process::{ExitStatus, Stdio},
};
use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    process::{Child, ChildStderr, Command},
    sync::oneshot,
    task::JoinHandle,
};

/// Bytes of QEMU's complaints that are kept: the last ones.
const STDERR_TAIL: usize = 4096;

/// How QEMU ended, and its last words.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: io::Result<ExitStatus>,
    pub(crate) stderr: String,
}

/// A running QEMU.
#[derive(Debug)]
pub(crate) struct Vm {
    qmp: Qmp,
}

impl Vm {
    /// Gives QEMU a command that answers nothing.
    pub(crate) async fn execute(&mut self, command: QmpCommand) -> Result<(), Fault> {
        match self.qmp.execute(command).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Qmp {
                reason: error.to_string(),
            }),
        }
    }
}

/// Builds the machine and lets it run. `ended` learns when it ends; when booting fails, the fault says why instead.
pub(crate) async fn boot(config: &Config, host: &Host, ended: oneshot::Sender<Ended>) -> Result<Vm, Fault> {
    let failed = |error: io::Error| Fault::Boot {
        reason: error.to_string(),
    };
    let console = Console::open(&config.serial).map_err(|(path, error)| Fault::File {
        what: "serial_out_path",
        path,
        reason: error.to_string(),
    })?;
    let ram = ram::create(&host.ram_dir, arguments::memory_bytes(config)?)?;
    let (monitor, monitor_theirs) = channel().map_err(failed)?;
    let (serial, serial_theirs) = channel().map_err(failed)?;
    let inherited = Inherited {
        ram: ram.as_raw_fd(),
        monitor: monitor_theirs.as_raw_fd(),
        serial: serial_theirs.as_raw_fd(),
    };
    let args = arguments::compose(config, host, inherited)?;
    let mut child = spawn(host, &args, &[&ram, &monitor_theirs, &serial_theirs]).map_err(failed)?;
    // QEMU has them now; while we held them too, its end would not close them.
    drop((ram, monitor_theirs, serial_theirs));
    let stderr = collect(child.stderr.take());
    tokio::spawn(console.copy(serial));
    match run(monitor).await {
        Ok(qmp) => {
            tokio::spawn(watch(child, stderr, ended));
            Ok(Vm { qmp })
        }
        Err(error) => Err(why_not(child, stderr, &error).await),
    }
}

async fn run(monitor: UnixStream) -> Result<Qmp, QmpError> {
    let mut qmp = Qmp::negotiate(monitor).await?;
    qmp.execute(QmpCommand::Continue).await?;
    Ok(qmp)
}

fn spawn(host: &Host, args: &[String], inherited: &[&OwnedFd]) -> io::Result<Child> {
    for descriptor in inherited {
        fcntl_setfd(descriptor, FdFlags::empty())?;
    }
    Command::new("/proc/self/exe")
        .arg(EXEC_BOUND)
        .arg(std::process::id().to_string())
        .arg(&host.qemu)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// A connected pair: our end for the runtime, the other for QEMU.
fn channel() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let ours = StdUnixStream::from(ours);
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// Why there is no machine: QEMU's own words when it gave up, else what the monitor saw.
async fn why_not(mut child: Child, stderr: JoinHandle<String>, error: &QmpError) -> Fault {
    // It has hung up or been silent for too long: nothing it still does is of use.
    let _ = child.start_kill();
    let status = child.wait().await;
    let words = stderr.await.unwrap_or_default();
    let reason = match (words.is_empty(), status) {
        (false, _) => words,
        (true, Ok(status)) => format!("QEMU said nothing and ended with {status}: {error}"),
        (true, Err(wait)) => format!("{error}; waiting for QEMU: {wait}"),
    };
    Fault::Boot { reason }
}

async fn watch(mut child: Child, stderr: JoinHandle<String>, ended: oneshot::Sender<Ended>) {
    let status = child.wait().await;
    let stderr = stderr.await.unwrap_or_default();
    // Nobody listens when we are ending ourselves.
    let _ = ended.send(Ended { status, stderr });
}

/// Reads all of QEMU's complaints and keeps the last.
fn collect(stderr: Option<ChildStderr>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut tail = Vec::new();
        let mut buffer = [0; 1024];
        let Some(mut stderr) = stderr else {
            return String::new();
        };
        while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
            tail.extend_from_slice(&buffer[..read]);
            tail.drain(..tail.len().saturating_sub(STDERR_TAIL));
        }
        String::from_utf8_lossy(&tail).trim().to_owned()
    })
}
