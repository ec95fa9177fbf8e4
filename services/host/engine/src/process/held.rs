//! One process held by its pidfd, whatever it runs.

use super::{Exit, ProcessId, exit, pidfd, stat};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// How long the kernel may take to tear a killed process down; freeing a large memory takes the most of it.
const TEARDOWN: Duration = Duration::from_secs(10);

/// A process that may outlive us. Clones hold the same one; dropping them all leaves it running.
#[derive(Clone, Debug)]
pub struct Process {
    identity: ProcessId,
    pidfd: Arc<OwnedFd>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Process {
    /// Takes hold of `pidfd` and begins to watch it. Must be called inside a tokio runtime with I/O enabled.
    pub(crate) fn hold(identity: ProcessId, pidfd: OwnedFd) -> io::Result<Self> {
        let pidfd = Arc::new(pidfd);
        let exit = exit::watch(Arc::clone(&pidfd))?;
        Ok(Self {
            identity,
            pidfd,
            exit,
        })
    }

    /// What tells it from every other.
    pub fn identity(&self) -> &ProcessId {
        &self.identity
    }

    /// Waits for its end. Any number of tasks may wait, and waiting may be cancelled.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The sender lives until it has sent, so a closed channel means the runtime that watched is gone.
        exit.wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|exit| *exit)
            .unwrap_or(Exit::Unknown)
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Sends SIGKILL. Never SIGTERM: Firecracker's handlers can deadlock. A process that already ended is no error.
    pub fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&*self.pidfd, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Kills it and waits until it and the processes it started are gone. Idempotent. Once this returns, everything
    /// that it held is free.
    ///
    /// Fails with [`io::ErrorKind::TimedOut`] when the kernel cannot end it in 10 s (it hangs in I/O).
    pub async fn end(&self) -> io::Result<Exit> {
        // The children die by their parent-death signal a moment after the parent: hold them before they are orphans.
        let children = self
            .raw_pid()
            .filter(|_| self.exit().is_none())
            .map(stat::children)
            .unwrap_or_default();
        let children: Vec<OwnedFd> = children
            .into_iter()
            .filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
            .collect();
        self.kill()?;
        tokio::time::timeout(TEARDOWN, async {
            let exit = self.wait().await;
            for child in children {
                pidfd::register(Arc::new(child))?.readable().await?.retain_ready();
            }
            Ok::<_, io::Error>(exit)
        })
        .await?
    }

    fn raw_pid(&self) -> Option<Pid> {
        i32::try_from(self.identity.pid).ok().and_then(Pid::from_raw)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
