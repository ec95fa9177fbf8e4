//! Keeping a whole stack running until somebody interrupts it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::note::{Note, Running};
use crate::{Parts, Ports, Stack, StateFolder, free_port, places, require_free};

/// What `up` may be told.
#[derive(Debug, clap::Args)]
// Whoever takes it in may be called so, too, and clap names a group after each.
#[group(skip)]
pub struct Options {
    /// The folder that keeps the log and everything else across restarts. Default: `roost` in `$XDG_STATE_HOME`, else in
    /// `~/.local/state`
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Where the gateway listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where nats-server listens. Default: 127.0.0.1:4222 if it is free, else any free port
    #[arg(long, value_name = "ADDR")]
    nats: Option<SocketAddr>,
}

/// What whoever uses the stack must know.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// Where it keeps everything.
    pub state: PathBuf,
    /// nats-server's URL.
    pub nats: String,
    /// The file with the credentials of the tenant `default` for nats-server; those of others lie beside it.
    pub nkey: PathBuf,
    /// The API key.
    pub key: String,
    /// The gateway's URL.
    pub url: String,
}

/// The stack that is there once [`Options`] were found to be possible.
pub struct Upcoming {
    listen: Ports,
    state: StateFolder,
}

impl Options {
    /// Finds what could be wrong about the request, before anything is built or started. Without `api_key` the stack has
    /// the one kept in its folder, else a new one.
    pub fn check(self, api_key: Option<String>) -> Result<Upcoming> {
        let gateway = require_free(self.listen, "--listen")?;
        let path = self.state.map_or_else(places::state, Ok)?;
        let state = StateFolder::open(&path, api_key)?;
        let nats = match self.nats {
            Some(nats) => require_free(nats, "--nats")?,
            None => usual_nats_address()?,
        };
        let listen = Ports { gateway, nats };
        Ok(Upcoming { listen, state })
    }
}

impl Upcoming {
    /// Runs until `cancelled`, which is its orderly end; tells when it can be used.
    pub async fn run(
        self,
        parts: Parts,
        cancelled: &CancellationToken,
        tell: impl FnOnce(&Ready) -> Result<()>,
    ) -> Result<()> {
        let Self { listen, state } = self;
        Stack::with(parts, listen, state, cancelled, async |stack| {
            let ready = Ready {
                state: stack.state().path().to_owned(),
                nats: stack.nats_url(),
                nkey: stack.state().tenant().to_owned(),
                key: stack.state().api_key().to_owned(),
                url: format!("http://{}", stack.gateway()),
            };
            let running = Running {
                url: ready.url.clone(),
                key: ready.key.clone(),
            };
            let _note = Note::leave(&ready.state, &running)?;
            tell(&ready)?;
            cancelled.cancelled().await;
            Ok(())
        })
        .await
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            state,
            nats,
            nkey,
            key,
            url,
        } = self;
        write!(
            f,
            "state   {}\nnats    {nats}\nnkey    {}\nkey     {key}\nready {url}",
            state.display(),
            nkey.display()
        )
    }
}

/// The port everybody expects nats-server at, or any free one if that is taken.
fn usual_nats_address() -> Result<SocketAddr> {
    let usual = SocketAddr::from(([127, 0, 0, 1], 4222));
    require_free(usual, "--nats").or_else(|_| free_port().context("nats-server needs a port"))
}
