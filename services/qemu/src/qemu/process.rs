//! One QEMU process, from spawn to end.

use super::{Host, Pager};
use crate::{bound::EXEC_BOUND, machine::Fault};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};
use std::{
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    process::{ExitStatus, Stdio},
    time::Duration,
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

/// How long a killed QEMU is waited for. It ends when we do in any case.
const KILLED: Duration = Duration::from_millis(200);

/// How the machine ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// QEMU ended, with these last words.
    Qemu {
        status: io::Result<ExitStatus>,
        stderr: String,
    },
    /// QEMU was killed, since nobody serves its page faults any more.
    PagerGone,
}

/// A QEMU process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stderr: JoinHandle<String>,
}

impl Process {
    /// Starts QEMU with these arguments, variables and descriptors.
    pub(super) fn spawn(
        host: &Host,
        args: &[String],
        variables: Vec<(&'static str, OsString)>,
        inherited: &[&OwnedFd],
    ) -> io::Result<Self> {
        for descriptor in inherited {
            fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        let mut child = Command::new("/proc/self/exe")
            .arg(EXEC_BOUND)
            .arg(std::process::id().to_string())
            .arg(&host.qemu)
            .args(args)
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = collect(child.stderr.take());
        Ok(Self { child, stderr })
    }

    /// Ends QEMU because of this fault.
    pub(super) async fn give_up(mut self, fault: Fault) -> Fault {
        let _ = self.child.kill().await;
        fault
    }

    /// Why there is no machine: QEMU's own words when it gave up, else what was seen of it.
    pub(super) async fn why_not(mut self, seen: &str) -> Fault {
        // It has hung up or been silent for too long: nothing it still does is of use.
        let _ = self.child.start_kill();
        let status = self.child.wait().await;
        let words = self.stderr.await.unwrap_or_default();
        let reason = match (words.is_empty(), status) {
            (false, _) => words,
            (true, Ok(status)) => format!("QEMU said nothing and ended with {status}: {seen}"),
            (true, Err(wait)) => format!("{seen}; waiting for QEMU: {wait}"),
        };
        Fault::Boot { reason }
    }

    /// Tells `ended` when the machine ends, and ends it when its pager does.
    pub(super) fn watch(mut self, pager: Option<Pager>, ended: oneshot::Sender<Ended>) {
        let pager_gone = async {
            match pager {
                Some(mut pager) => pager.gone().await,
                None => std::future::pending().await,
            }
        };
        tokio::spawn(async move {
            let end = tokio::select! {
                status = self.child.wait() => Ended::Qemu {
                    status,
                    stderr: self.stderr.await.unwrap_or_default(),
                },
                () = pager_gone => {
                    let _ = self.child.start_kill();
                    let _ = tokio::time::timeout(KILLED, self.child.wait()).await;
                    Ended::PagerGone
                }
            };
            // Nobody listens when we are ending ourselves.
            let _ = ended.send(end);
        });
    }
}

/// A connected pair: our end for the runtime, the other for QEMU.
pub(super) fn channel() -> io::Result<(UnixStream, OwnedFd)> {
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
