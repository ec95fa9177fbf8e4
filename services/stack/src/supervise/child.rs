//! One life of a supervised process: from its start to its end.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Spec;
use super::watchdog::Watchdog;
use crate::process::tail;

/// How long a process may take from its start until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A process that was ready once.
pub(super) struct Running {
    child: Child,
    pub(super) pid: u32,
    pub(super) ready_line: String,
}

impl Running {
    /// Starts the process and waits until it is ready.
    pub(super) async fn launch(spec: &Spec, watchdog: &Watchdog) -> Result<Self> {
        let name = spec.role.name();
        let mut child = spawn(spec)?;
        let pid = child.id().context("a child that was not waited for has an id")?;
        watchdog.started(spec.role, pid);
        let out = child
            .stdout
            .take()
            .context("standard output was asked to be a pipe")?;
        let mut lines = BufReader::new(out).lines();
        let ready = tokio::select! {
            line = spec.readiness.seen(pid, &mut lines) => Ok(line),
            ended = child.wait() => Err(anyhow::anyhow!("it ended at once ({})", shown(ended))),
            () = tokio::time::sleep(READY_WITHIN) => Err(anyhow::anyhow!("it was not ready within {READY_WITHIN:?}")),
        };
        let ready_line = match ready {
            Ok(line) => line,
            Err(reason) => {
                let _ = child.kill().await;
                watchdog.ended(pid);
                bail!("{name} did not start: {reason}\n{}", last_words(&spec.log));
            }
        };
        // A full pipe would stop it, so its output is read to the end.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            child,
            pid,
            ready_line,
        })
    }

    /// Waits for its end, and tells how it came.
    pub(super) async fn ended(&mut self) -> String {
        shown(self.child.wait().await)
    }

    /// Asks it to stop, and kills it if it has not after `patience`.
    pub(super) async fn stop(mut self, patience: Duration) {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // Not reaped yet, so the id is still its own, dead or alive.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            eprintln!(
                "process {} did not stop within {patience:?} and is killed",
                self.pid
            );
            let _ = self.child.kill().await;
        }
    }
}

fn spawn(spec: &Spec) -> Result<Child> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&spec.log)
        .with_context(|| format!("cannot write the log {}", spec.log.display()))?;
    Command::new(&spec.program)
        .args(&spec.args)
        .envs(spec.env.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // A group of its own: the terminal's Ctrl-C goes to this tool alone, which stops them in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {} ({})", spec.role.name(), spec.program.display()))
}

fn shown(ended: std::io::Result<ExitStatus>) -> String {
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    format!("the end of {}:\n{}", log.display(), tail(&text, 25))
}
