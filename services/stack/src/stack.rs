//! The processes of one stack, from the first that is started to the last that is stopped.

use std::net::{SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use roost_client::Api;

use crate::binaries::Binaries;
use crate::commands;
use crate::folder::StateFolder;
use crate::supervise::watchdog::{PURGE_WITHIN, Watchdog};
use crate::supervise::{Role, Supervised};

/// What a stack is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Our daemons.
    pub binaries: Binaries,
    /// The `nats-server` program.
    pub nats_server: PathBuf,
    /// The folder with `manifest.json`.
    pub images: PathBuf,
    /// This tool, to be its own watchdog.
    pub tool: PathBuf,
    /// What the host finds in its environment besides: tests have it fail in this way.
    pub host_env: Vec<(String, String)>,
    /// Where webhooks may go, and how long they are tried.
    pub webhooks: Terms,
}

/// What holds for webhooks; by default what their daemons think best.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Ranges of addresses that they may go to although they are not public: tests have their targets here.
    pub allow_targets: Vec<String>,
    /// Seconds for which a commit is tried before it is put aside.
    pub patience_sec: Option<u64>,
}

/// Where a stack listens.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The gateway's address.
    pub gateway: SocketAddr,
    /// nats-server's address.
    pub nats: SocketAddr,
}

impl Ports {
    /// Two free ports on loopback.
    pub fn free() -> Result<Self> {
        Ok(Self {
            gateway: free_port()?,
            nats: free_port()?,
        })
    }
}

/// A port of 127.0.0.1 that nobody used a moment ago.
pub fn free_port() -> Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .context("no free port on 127.0.0.1")
}

/// Refuses an address that cannot be listened on, naming the `option` that set it. Answers it with the port that port 0
/// stands for.
pub fn require_free(address: SocketAddr, option: &str) -> Result<SocketAddr> {
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    bound.with_context(|| {
        format!("cannot listen on {address}: stop what uses it, or choose another address with {option}")
    })
}

/// A running stack.
pub struct Stack {
    parts: Parts,
    listen: Ports,
    state: StateFolder,
    watchdog: Arc<Watchdog>,
    running: Vec<Supervised>,
}

impl Stack {
    /// Starts a stack, lets `work` use it, and takes it down whatever became of either: done, failed, cancelled or
    /// panicked.
    pub async fn with<T>(
        parts: Parts,
        listen: Ports,
        state: StateFolder,
        cancelled: &CancellationToken,
        work: impl AsyncFnOnce(&Stack) -> Result<T>,
    ) -> Result<T> {
        let watchdog = Arc::new(Watchdog::start(&parts.tool)?);
        watchdog.purge(&parts.binaries.host, &state.of(Role::Host));
        if state.is_temporary() {
            watchdog.remove(state.path());
        }
        let mut stack = Self {
            parts,
            listen,
            state,
            watchdog,
            running: Vec::new(),
        };
        let result = AssertUnwindSafe(async {
            tokio::select! {
                // Work that ended by itself because of the cancellation, as `up` does, has ended well.
                biased;
                result = async { stack.start().await?; work(&stack).await } => result,
                () = cancelled.cancelled() => bail!("interrupted"),
            }
        })
        .catch_unwind()
        .await;
        let down = stack.shutdown().await;
        match result {
            Ok(result) => result.and_then(|value| down.map(|()| value)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    async fn start(&mut self) -> Result<()> {
        let nats = commands::nats_server(&self.parts, self.listen, &self.state);
        self.running
            .push(Supervised::start(nats, self.watchdog.clone()).await?);
        let specs = [
            commands::host(&self.parts, self.listen, &self.state),
            commands::reconciler(&self.parts, self.listen, &self.state),
            commands::gateway(&self.parts, self.listen, &self.state),
            commands::webhooks(&self.parts, self.listen, &self.state),
        ];
        let started =
            futures::future::join_all(specs.map(|spec| Supervised::start(spec, self.watchdog.clone()))).await;
        let mut failed = None;
        for one in started {
            match one {
                Ok(running) => self.running.push(running),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Stops every process in the order of [`Role`] and destroys what the host made on the machine.
    async fn shutdown(mut self) -> Result<()> {
        self.running.sort_by_key(Supervised::role);
        let log = self.running.iter().position(|one| one.role() == Role::Log);
        let log = log.map(|index| self.running.remove(index));
        for one in self.running {
            one.stop().await;
        }
        let host = self.state.of(Role::Host);
        let mut purge = Command::new(&self.parts.binaries.host);
        purge.arg("purge").arg("--state").arg(&host);
        let purged = tokio::time::timeout(PURGE_WITHIN, crate::process::run(&mut purge))
            .await
            .unwrap_or_else(|_| bail!("roost-host purge did not end within {PURGE_WITHIN:?}"));
        if let Some(log) = log {
            log.stop().await;
        }
        self.state.release()?;
        if let Some(watchdog) = Arc::into_inner(self.watchdog) {
            watchdog.farewell();
        }
        purged
            .map(drop)
            .context("cannot destroy what the host made on this machine")
    }

    /// The gateway's API.
    pub fn api(&self) -> Api {
        Api::new(self.listen.gateway, self.state.api_key())
    }

    /// Where the gateway listens.
    pub fn gateway(&self) -> SocketAddr {
        self.listen.gateway
    }

    /// nats-server's URL.
    pub fn nats_url(&self) -> String {
        commands::nats_url(self.listen)
    }

    /// The state folder.
    pub fn state(&self) -> &StateFolder {
        &self.state
    }

    /// A process of the stack.
    pub fn process(&self, role: Role) -> Result<&Supervised> {
        let found = self.running.iter().find(|one| one.role() == role);
        found.with_context(|| format!("the {} is not running", role.name()))
    }
}
