//! Keeping a process alive until it is told to stop.
//!
//! ```text
//!            spawn           ready line / port answers
//!   (none) ────────▶ starting ────────▶ ready ──┐
//!      ▲                │ dies, or too late     │ dies
//!      │ stop: TERM,    ▼                       ▼
//!      │ then KILL   first time: an error    waiting (backoff doubles, up to 10 s) ──▶ starting
//! ```
//!
//! The first start must succeed, because a daemon that cannot start at all has something to say to the person waiting;
//! after that it is restarted for ever.

mod backoff;
mod child;
mod readiness;
pub mod watchdog;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use readiness::Readiness;

use backoff::Backoff;
use child::Running;
use watchdog::Watchdog;

/// What a process is to the whole; processes are stopped in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes requests: first to go, so that nothing new begins.
    Gateway,
    /// Tells tenants what happened: nothing that is left undone is lost.
    Webhooks,
    /// Routes commands.
    Reconciler,
    /// Holds the machine's resources.
    Host,
    /// Keeps the log: last to go, so that the others can still record their end.
    Log,
}

impl Role {
    /// Its name in messages and log files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Webhooks => "webhooks",
            Self::Reconciler => "reconciler",
            Self::Host => "host",
            Self::Log => "nats-server",
        }
    }

    /// How long it may take to stop when asked.
    pub fn patience(self) -> Duration {
        Duration::from_secs(if self == Self::Host { 15 } else { 5 })
    }
}

/// A process to keep alive.
#[derive(Debug, Clone)]
pub struct Spec {
    /// What it is.
    pub role: Role,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables beside the inherited ones.
    pub env: Vec<(String, String)>,
    /// The file its output is appended to.
    pub log: PathBuf,
    /// How it shows that it can be used.
    pub readiness: Readiness,
}

/// A process that is being kept alive.
pub struct Supervised {
    role: Role,
    ready_line: String,
    pid: watch::Receiver<Option<u32>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts it and waits until it is ready; the error quotes the end of its log.
    pub async fn start(spec: Spec, watchdog: Arc<Watchdog>) -> Result<Self> {
        let role = spec.role;
        let first = Running::launch(&spec, &watchdog).await?;
        let ready_line = first.ready_line.clone();
        let stop = CancellationToken::new();
        let (tell, pid) = watch::channel(Some(first.pid));
        let task = tokio::spawn(keep(spec, first, watchdog, stop.clone(), tell));
        Ok(Self {
            role,
            ready_line,
            pid,
            stop,
            task,
        })
    }

    /// What it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The line with which it first said that it is ready; empty if it has no such line.
    pub fn ready_line(&self) -> &str {
        &self.ready_line
    }

    /// Its process id, while it runs and is ready.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Waits until another process than `old` has taken its place.
    pub async fn replaced(&self, old: u32) -> Result<u32> {
        let mut pid = self.pid.clone();
        let now = pid
            .wait_for(|pid| pid.is_some_and(|pid| pid != old))
            .await
            .context("no longer supervised")?;
        now.context("checked to be there")
    }

    /// Stops it: SIGTERM, and SIGKILL when its patience is over.
    pub async fn stop(self) {
        self.stop.cancel();
        // A panic in the task has been printed by then, and its child was killed with it.
        let _ = self.task.await;
    }
}

async fn keep(
    spec: Spec,
    first: Running,
    watchdog: Arc<Watchdog>,
    stop: CancellationToken,
    tell: watch::Sender<Option<u32>>,
) {
    let mut backoff = Backoff::new();
    let mut running = first;
    loop {
        let began = tokio::time::Instant::now();
        tokio::select! {
            ended = running.ended() => {
                tell.send_replace(None);
                eprintln!("{} ended ({ended}); see {}", spec.role.name(), spec.log.display());
            }
            () = stop.cancelled() => return running.stop(spec.role.patience()).await,
        }
        watchdog.ended(running.pid);
        backoff.lived(began.elapsed());
        running = tokio::select! {
            running = relaunch(&spec, &watchdog, &mut backoff) => running,
            () = stop.cancelled() => return,
        };
        eprintln!("{} runs again as process {}", spec.role.name(), running.pid);
        tell.send_replace(Some(running.pid));
    }
}

async fn relaunch(spec: &Spec, watchdog: &Watchdog, backoff: &mut Backoff) -> Running {
    loop {
        tokio::time::sleep(backoff.next()).await;
        match Running::launch(spec, watchdog).await {
            Ok(running) => return running,
            Err(error) => eprintln!("{} did not come back: {error:#}", spec.role.name()),
        }
    }
}
