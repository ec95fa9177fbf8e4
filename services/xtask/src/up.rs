//! Keeping the whole of Roost running on this machine until it is interrupted.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use crate::build::Profile;
use crate::stack::{Ports, Stack, StateFolder};
use crate::{cache, prepare, stack};

/// What `up` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder that keeps the log and everything else across restarts. Default: `roost` in `$XDG_STATE_HOME`, else in
    /// `~/.local/state`.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Where the gateway listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where nats-server listens. Default: 127.0.0.1:4222 if it is free, else any free port.
    #[arg(long, value_name = "ADDR")]
    nats: Option<SocketAddr>,
    /// The key that clients must present. Default: one made at first and kept in the state folder.
    #[arg(long, env = "ROOST_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

/// Runs until `cancelled`, which is its orderly end.
pub async fn run(options: Options, cancelled: &CancellationToken) -> Result<()> {
    // What could be wrong about the request is found before anything is built.
    stack::require_free(options.listen, "--listen")?;
    let path = options.state.map_or_else(cache::state_directory, Ok)?;
    let state = StateFolder::open(&path, options.api_key)?;
    if let Some(nats) = options.nats {
        stack::require_free(nats, "--nats")?;
    }
    let parts = prepare::parts(Profile::Dev, cancelled).await?;
    let listen = Ports {
        gateway: options.listen,
        nats: options.nats.map_or_else(usual_nats_address, Ok)?,
    };
    let key = state.api_key().to_owned();
    Stack::with(parts, listen, state, cancelled, async |stack| {
        println!("state   {}", stack.state().path().display());
        println!("nats    {}", stack.nats_url());
        println!("key     {key}");
        println!("ready http://{}", stack.gateway());
        cancelled.cancelled().await;
        println!("stopping");
        Ok(())
    })
    .await
}

/// The port everybody expects nats-server at, or any free one if that is taken.
fn usual_nats_address() -> Result<SocketAddr> {
    let usual = SocketAddr::from(([127, 0, 0, 1], 4222));
    match stack::require_free(usual, "--nats") {
        Ok(()) => Ok(usual),
        Err(_) => stack::free_port().context("nats-server needs a port"),
    }
}
