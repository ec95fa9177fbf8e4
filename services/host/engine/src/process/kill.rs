//! Ending an engine so that nothing of it is left.

use super::{EngineProcess, Exit, pidfd, stat};
use rustix::{
    io::Errno,
    process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{fs, io, os::fd::OwnedFd, path::Path, sync::Arc, time::Duration};

/// How long the kernel may take to tear a killed process down; freeing a large memory takes the most of it.
const TEARDOWN: Duration = Duration::from_secs(10);

impl EngineProcess {
    /// Sends SIGKILL. Never SIGTERM: Firecracker's handlers can deadlock. A process that already ended is no error.
    pub fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&*self.pidfd, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Kills the engine, waits until it and the processes it started are gone, and removes its socket and record.
    /// Idempotent. Once this returns, the TAP, drives and memory it held are free.
    ///
    /// Fails with [`io::ErrorKind::TimedOut`] when the kernel cannot end the process in 10 s (it hangs in I/O).
    pub async fn stop(&self) -> io::Result<Exit> {
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
        let exit = tokio::time::timeout(TEARDOWN, async {
            let exit = self.wait().await;
            for child in children {
                pidfd::register(Arc::new(child))?.readable().await?.retain_ready();
            }
            Ok::<_, io::Error>(exit)
        })
        .await??;
        remove(self.socket())?;
        remove(&self.record.path())?;
        Ok(exit)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
