//! `roost-webhooks`: the teller of webhooks as a process of its own. One runs at a time: two would each tell a part.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use roost_domain::webhook::Targets;
use roost_journal::jetstream::{Access, connect};
use roost_journal::port::Journal;
use roost_runtime::fleet::{FleetHandle, REPLAY_PATIENCE};
use roost_schemas::network::Cidr;
use roost_schemas::token::TokenKey;
use roost_webhooks::{HttpPost, Keeper, Pace};
use tokio::signal::unix::{SignalKind, signal};

/// Tells tenants what happens to their sandboxes. Needs `ROOST_TOKEN_KEY` in its environment.
#[derive(Debug, Parser)]
#[command(name = "roost-webhooks", version)]
struct Cli {
    /// Where nats-server listens, such as `nats://127.0.0.1:4222`.
    #[arg(long)]
    nats: String,
    #[command(flatten)]
    access: Access,
    /// Folder for the checkpoint; made if it is not there. Where each webhook stands is kept by nats-server.
    #[arg(long)]
    state: PathBuf,
    /// A range of addresses that webhooks may go to although they are not public, such as `10.0.0.0/8`; may be repeated.
    #[arg(long, value_name = "CIDR")]
    allow_targets: Vec<Cidr>,
    /// Seconds for which a commit is tried before it is put aside.
    #[arg(long, value_name = "SECONDS", default_value_t = Pace::default().patience.as_secs())]
    patience: u64,
    #[command(flatten)]
    telemetry: roost_telemetry::Options,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    roost_telemetry::start("roost-webhooks", &cli.telemetry).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        result = run(cli) => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

async fn run(cli: Cli) -> Result<()> {
    let Ok(key) = std::env::var(TokenKey::VARIABLE) else {
        bail!(
            "{} is not set (or not UTF-8): set it to the key that the gateway was given",
            TokenKey::VARIABLE
        );
    };
    let key: TokenKey = key.parse()?;
    let post = Arc::new(HttpPost::new(Targets::new(cli.allow_targets))?);
    let pace = Pace {
        patience: Duration::from_secs(cli.patience),
        ..Pace::default()
    };
    std::fs::create_dir_all(&cli.state).with_context(|| format!("cannot make {}", cli.state.display()))?;
    let connection = connect(cli.access.options(cli.nats)?.named("roost-webhooks")).await?;
    let journal: Arc<dyn Journal> = Arc::new(connection.journal());
    let fleet = FleetHandle::open(Arc::clone(&journal), &cli.state).await?;
    fleet.catch_up(&*journal, REPLAY_PATIENCE).await?;
    let keeper = Keeper::new(
        Arc::clone(&journal),
        Arc::new(connection.feeds()),
        fleet.clone(),
        post,
        key,
        pace,
    );
    println!("ready");
    // Whoever supervises this process starts it anew, which folds and begins again.
    tokio::select! {
        alarm = fleet.stopped() => bail!("nothing more is told: {alarm}"),
        () = keeper.run() => bail!("the keeper of webhooks ended by itself"),
        never = fleet.tell_lag(&*journal) => match never {},
    }
}
