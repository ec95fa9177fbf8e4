//! How a process ended, learnt from its pidfd.

use super::pidfd;
use rustix::{
    io::Errno,
    process::{WaitId, WaitIdOptions, waitid},
};
use std::{
    fmt, io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};
use tokio::sync::watch;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code; 0 is how Firecracker ends when the guest reboots.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
    /// It is gone, but was not our child, so that its status went to someone else.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Self::Unknown => write!(f, "ended"),
        }
    }
}

/// Watches `pidfd` in a task of its own, which also reaps the process when it is our child: no caller can forget to.
pub(super) fn watch(pidfd: Arc<OwnedFd>) -> io::Result<watch::Receiver<Option<Exit>>> {
    let (sender, receiver) = watch::channel(None);
    let readable = pidfd::register(Arc::clone(&pidfd))?;
    tokio::spawn(async move {
        if let Err(error) = readable.readable().await {
            tracing::warn!(%error, "cannot watch a pidfd; calling its process ended");
        }
        sender.send_replace(Some(reap(&pidfd)));
    });
    Ok(receiver)
}

/// Collects the status of an ended process.
pub(crate) fn reap(pidfd: &OwnedFd) -> Exit {
    match waitid(
        WaitId::PidFd(pidfd.as_fd()),
        WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
    ) {
        Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Unknown,
        },
        Ok(None) | Err(Errno::CHILD) => Exit::Unknown,
        Err(error) => {
            tracing::warn!(%error, "cannot collect an exit status");
            Exit::Unknown
        }
    }
}
