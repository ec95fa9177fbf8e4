//! The life of a host agent: open what it needs, recover, announce, serve, and leave its VMs running when it ends.

mod capacity;
mod open;

use std::sync::Arc;

use anyhow::{Result, bail};
use ractor::Actor;
use roost_runtime::host::{self, HostActor};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Run;
use open::Opened;

/// Runs until SIGTERM or SIGINT. Prints `ready` once it takes commands.
pub async fn run(cli: Run) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // What opening has begun is ended before a signal is heeded: half a host would have to be taken apart by the next.
    let opened = open::open(cli).await?;
    let result = tokio::select! {
        result = serve(&opened) => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    tracing::info!("ending; sandboxes run on");
    opened.close().await?;
    result
}

async fn serve(opened: &Opened) -> Result<()> {
    let context = &opened.context;
    let (actor, ended) = HostActor::spawn(None, HostActor, Arc::clone(context)).await?;
    let sandboxes = opened.fleet.read(|fleet| host::mine(context, fleet));
    host::sweep(context, &sandboxes).await?;
    host::announce(context, opened.registration.clone(), opened.templates.clone()).await?;
    tracing::info!(host = %context.host, sandboxes = sandboxes.len(), "ready");
    host::wake(&actor, sandboxes);
    println!("ready");
    tokio::select! {
        () = host::serve(context, actor) => bail!("the host actor does not take commands any more"),
        () = host::collect(context, &opened.fleet) => bail!("snapshots are not collected any more"),
        _ = ended => bail!("the host actor ended by itself"),
    }
}
