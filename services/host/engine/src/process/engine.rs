//! An engine's process, with what is written down about it.

use super::{Exit, Process, Record, stat};
use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::Arc,
};

/// Bytes of the log's end quoted in errors.
const LOG_TAIL_BYTES: u64 = 2048;

/// A handle on an engine's process. Clones hold the same process; dropping them all leaves it running.
#[derive(Clone, Debug)]
pub struct EngineProcess {
    record: Arc<Record>,
    process: Process,
}

impl EngineProcess {
    /// The engine that `record` describes, which `process` is.
    pub(crate) fn new(record: Record, process: Process) -> Self {
        Self {
            record: Arc::new(record),
            process,
        }
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
        self.process.wait().await
    }

    /// How the process ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        self.process.exit()
    }

    /// Sends SIGKILL; see [`Process::kill`].
    pub fn kill(&self) -> io::Result<()> {
        self.process.kill()
    }

    /// Ends the engine as [`Process::end`] does, and removes its socket and record. Idempotent. Once this returns, the
    /// TAP, drives and memory it held are free.
    pub async fn stop(&self) -> io::Result<Exit> {
        let exit = self.process.end().await?;
        remove(self.socket())?;
        remove(&self.record.path())?;
        Ok(exit)
    }

    /// The last lines of the engine's log, for error messages.
    pub fn log_tail(&self) -> String {
        stat::file_tail(&self.record.log, LOG_TAIL_BYTES)
    }
}

impl AsFd for EngineProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
