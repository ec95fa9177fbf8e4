//! `roost-reconciler`: routes commands that name no host, and corrects what the fleet has drifted to.
//!
//! ```text
//!   EVENTS ──▶ fleet ──┬──▶ router ◀── roost.cmd.*.any.*
//!   LEASES ────────────┴──▶ reconciler ──▶ COMMANDS, LEASES
//! ```

mod keep;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Parser;
use ractor::Actor;
use roost_domain::webhook::Targets;
use roost_journal::jetstream::{Access, connect};
use roost_journal::port::{Journal, Queue};
use roost_runtime::fleet::{FleetHandle, REPLAY_PATIENCE};
use roost_runtime::port::{Clock, SystemClock};
use roost_runtime::reconciler::{Arguments, Reconciler};
use roost_runtime::router::Router;
use roost_schemas::network::Cidr;
use tokio::signal::unix::{SignalKind, signal};

use keep::KeepFile;

/// Routes commands that name no host, and corrects what the fleet has drifted to.
#[derive(Debug, Parser)]
#[command(name = "roost-reconciler", version)]
struct Cli {
    /// Where nats-server listens, such as `nats://127.0.0.1:4222`.
    #[arg(long)]
    nats: String,
    #[command(flatten)]
    access: Access,
    /// Folder for checkpoints and for what is known of ends of time; made if it is not there.
    #[arg(long)]
    state: PathBuf,
    #[command(flatten)]
    telemetry: roost_telemetry::Options,
    /// A range of addresses that webhooks may name although they are not public, such as `10.0.0.0/8`; may be repeated.
    #[arg(long, value_name = "CIDR")]
    allow_targets: Vec<Cidr>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    roost_telemetry::start("roost-reconciler", &cli.telemetry).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        result = run(cli) => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

async fn run(cli: Cli) -> Result<()> {
    std::fs::create_dir_all(&cli.state).with_context(|| format!("cannot make {}", cli.state.display()))?;
    let connection = connect(cli.access.options(cli.nats)?.named("roost-reconciler")).await?;
    let journal: Arc<dyn Journal> = Arc::new(connection.journal());
    let queue: Arc<dyn Queue> = Arc::new(connection.queue());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let fleet = FleetHandle::open(Arc::clone(&journal), &cli.state).await?;
    fleet.catch_up(&*journal, REPLAY_PATIENCE).await?;
    let arguments = Arguments {
        journal: Arc::clone(&journal),
        queue: Arc::clone(&queue),
        leases: Arc::new(connection.leases()),
        fleet: fleet.clone(),
        clock: Arc::clone(&clock),
        keep: Arc::new(KeepFile::open(cli.state.join("deadlines"))?),
    };
    let folded = fleet.clone();
    let log = Arc::clone(&journal);
    let (_, reconciler) = Reconciler::spawn(None, Reconciler, arguments).await?;
    let router = Router {
        journal,
        queue,
        fleet,
        clock,
        targets: Targets::new(cli.allow_targets),
    };
    println!("ready");
    // Whoever supervises this process starts it anew, which folds and begins again.
    tokio::select! {
        alarm = folded.stopped() => bail!("the reconciler acts no more: {alarm}"),
        () = router.run() => bail!("the router ended by itself"),
        _ = reconciler => bail!("the reconciler ended by itself"),
        never = folded.tell_lag(&*log) => match never {},
        never = folded.tell_all() => match never {},
    }
}
