//! A running engine, held by its pidfd.
//!
//! ```text
//!   spawned (our child) ──┐                     ┌─▶ exited: Code, Signal
//!                         ├─▶ running ──pidfd──▶┤
//!   adopted (not ours)  ──┘                     └─▶ exited: Unknown (someone else reaped it)
//! ```

mod adopt;
mod exit;
mod id;
mod kill;
mod pidfd;
mod record;
mod stat;

pub use adopt::AdoptError;
pub use exit::Exit;
pub use record::Record;

use rustix::process::Pid;
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
};
use tokio::sync::watch;

pub(crate) use exit::reap;
pub use id::ProcessId;

/// Bytes of the log's end quoted in errors.
const LOG_TAIL_BYTES: u64 = 2048;

/// A handle on an engine's process. Clones hold the same process; dropping them all leaves it running.
#[derive(Clone, Debug)]
pub struct EngineProcess {
    record: Arc<Record>,
    pidfd: Arc<OwnedFd>,
    exit: watch::Receiver<Option<Exit>>,
}

impl EngineProcess {
    /// Takes hold of `pidfd` and begins to watch it. Must be called inside a tokio runtime with I/O enabled.
    pub(crate) fn hold(record: Record, pidfd: OwnedFd) -> std::io::Result<Self> {
        let pidfd = Arc::new(pidfd);
        let exit = exit::watch(Arc::clone(&pidfd))?;
        Ok(Self {
            record: Arc::new(record),
            pidfd,
            exit,
        })
    }

    /// Everything that is written down about this engine.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Id of the engine, as given by `--id`.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Process id. Signals go through the pidfd instead: a pid may be reused.
    pub fn pid(&self) -> u32 {
        self.record.process.pid
    }

    /// When the process started, in clock ticks since boot: field 22 of `/proc/<pid>/stat`.
    pub fn start_time(&self) -> u64 {
        self.record.process.start_time
    }

    /// The API socket.
    pub fn socket(&self) -> &Path {
        &self.record.socket
    }

    /// Waits for the end of the process. Any number of tasks may wait, and waiting may be cancelled.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The sender lives until it has sent, so a closed channel means the runtime that watched is gone.
        exit.wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|exit| *exit)
            .unwrap_or(Exit::Unknown)
    }

    /// How the process ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// The last lines of the engine's log, for error messages.
    pub fn log_tail(&self) -> String {
        stat::file_tail(&self.record.log, LOG_TAIL_BYTES)
    }

    fn raw_pid(&self) -> Option<Pid> {
        i32::try_from(self.pid()).ok().and_then(Pid::from_raw)
    }
}

impl AsFd for EngineProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
