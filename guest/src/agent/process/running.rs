//! A process that runs.

use std::sync::Arc;
use std::time::Instant;

use connectrpc::ConnectError;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use roost_schemas::envd::process::process_input::Input as Sent;
use roost_schemas::envd::process::{ProcessConfig, ProcessInfo};
use tokio::sync::watch;

use super::feed::Feed;
use super::input::Input;

/// See the module.
#[derive(Debug)]
pub(super) struct Running {
    /// Its id, which is its session's and its group's too.
    pub(super) pid: u32,
    /// The name its starter gave it.
    pub(super) tag: Option<String>,
    /// What was started.
    pub(super) config: ProcessConfig,
    /// When.
    pub(super) started: Instant,
    /// What it reads.
    pub(super) input: Input,
    /// What it writes.
    pub(super) feed: Arc<Feed>,
    /// Becomes true when it has exited.
    pub(super) exited: watch::Sender<bool>,
}

impl Running {
    /// As it is listed.
    pub(super) fn info(&self) -> ProcessInfo {
        ProcessInfo {
            config: self.config.clone().into(),
            pid: self.pid,
            tag: self.tag.clone(),
        }
    }

    /// Gives it input. A process that ends before it has read all frees whoever waits.
    pub(super) async fn send(&self, sent: Option<Sent>) -> Result<(), ConnectError> {
        let mut exited = self.exited.subscribe();
        tokio::select! {
            biased;
            sent = self.input.send(sent) => Ok(sent?),
            _ = exited.wait_for(|exited| *exited) => Err(gone(self.pid)),
        }
    }

    /// Lets it read end of file.
    pub(super) async fn close_input(&self) -> Result<(), ConnectError> {
        let mut exited = self.exited.subscribe();
        tokio::select! {
            biased;
            closed = self.input.close() => Ok(closed?),
            _ = exited.wait_for(|exited| *exited) => Err(gone(self.pid)),
        }
    }

    /// Signals its group: a shell that runs several commands would otherwise die alone, and leave its work running. Jobs
    /// that a shell put in groups of their own, and daemons, are not reached, as with Ctrl+C.
    ///
    /// The agent has one thread, and whoever reaps a process takes it out of the registry in the same breath: what is
    /// found there is never another process of the same id.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), ConnectError> {
        let group = i32::try_from(self.pid).map_err(|_| gone(self.pid))?;
        killpg(Pid::from_raw(group), signal)
            .map_err(|error| ConnectError::internal(format!("cannot signal process {group}: {error}")))
    }
}

fn gone(pid: u32) -> ConnectError {
    ConnectError::not_found(format!("process {pid} has ended"))
}
