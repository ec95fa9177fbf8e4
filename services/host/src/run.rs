//! The life of a host agent.
//!
//! ```text
//!   join: folders ─▶ fence ─▶ lease ─▶ open ─▶ fold the log ─▶ announce ─▶ catch up ─▶ sweep ─▶ the fence opens ─▶ serve
//!                              └─ renewed from here on ─────────────────────────────────────────────▶ over: the life ends
//! ```
//!
//! It announces itself before it catches up, which ends that it is down: what the router decided for a host that is down it
//! decided before that, so that it is in what is folded then. Its VMs run on when it ends, for as long as its lease lasts.

mod capacity;
mod join;
mod lives;
mod open;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use ractor::Actor;
use roost_runtime::host::{self, HostActor};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Run;
use crate::machine::figures;
use open::Opened;

/// How long folding what came since the log was folded first may take.
const CATCH_UP: Duration = Duration::from_mins(1);

/// Runs until SIGTERM or SIGINT. Prints `ready` once it takes commands.
pub async fn run(cli: Run) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let joined = tokio::select! {
        joined = open::join(&cli) => joined?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    // What opening has begun is ended before a signal is heeded: half a host would have to be taken apart by the next.
    let mut opened = open::open(cli, joined).await?;
    let result = tokio::select! {
        result = serve(&mut opened) => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    tracing::info!("ending; sandboxes run on");
    opened.close().await?;
    result
}

async fn serve(opened: &mut Opened) -> Result<()> {
    let context = Arc::clone(&opened.context);
    let (actor, ended) = HostActor::spawn(None, HostActor, Arc::clone(&context)).await?;
    host::announce(&context, opened.registration.clone(), opened.templates.clone()).await?;
    opened.fleet.catch_up(&*context.journal, CATCH_UP).await?;
    let sandboxes = opened.fleet.read(|fleet| host::mine(&context, fleet));
    host::sweep(&context, &sandboxes).await?;
    opened.tenure.open();
    tracing::info!(host = %context.host, sandboxes = sandboxes.count(), "ready");
    host::wake(&actor, sandboxes);
    println!("ready");
    tokio::select! {
        over = opened.tenure.over() => Err(over?.into()),
        alarm = opened.fleet.stopped() => bail!("this host acts no more: {alarm}"),
        () = host::serve(&context, actor) => bail!("the host actor does not take commands any more"),
        () = host::collect(&context, &opened.fleet) => bail!("snapshots are not collected any more"),
        _ = ended => bail!("the host actor ended by itself"),
        never = figures::tell(&opened.slots) => match never {},
        never = opened.fleet.tell_lag(&*context.journal) => match never {},
    }
}
