//! The command line.

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{setup, supervise};

/// Sets up, builds, runs, tests and measures Roost.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs what this machine lacks.
    Setup,
    /// Cleans up after a killed xtask; started by xtask itself.
    #[command(hide = true)]
    Watchdog,
}

impl Cli {
    /// Does what was asked.
    pub async fn run(self, cancelled: &CancellationToken) -> Result<()> {
        match self.command {
            Command::Setup => cancelled
                .run_until_cancelled(setup::run())
                .await
                .unwrap_or_else(interrupted)
                .map(drop),
            Command::Watchdog => supervise::watchdog::run(std::io::stdin().lock()),
        }
    }
}

fn interrupted<T>() -> Result<T> {
    anyhow::bail!("interrupted")
}

/// Cancels at the first SIGINT, SIGTERM or SIGHUP, and returns at the second: then the watchdog is to finish the job.
pub async fn signals(cancelled: &CancellationToken) {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let mut signals: Vec<Signal> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    any(&mut signals).await;
    eprintln!("\ncleaning up; interrupt once more to leave that to the watchdog");
    cancelled.cancel();
    any(&mut signals).await;
}

async fn any(signals: &mut [Signal]) {
    futures::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
}
