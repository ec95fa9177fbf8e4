//! The figures that DESIGN.md promises, measured; never part of the tests, because they depend on the machine's load.

mod adopt;
mod bare;
mod data;
mod filled;
mod fork;
mod overhead;
mod pause;
mod restore;
mod table;

use anyhow::{Result, bail};
use clap::ValueEnum;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::{build, process, setup, ui};

/// What `bench` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Which figure.
    #[arg(value_enum)]
    figure: Figure,
    /// How often a comparison is repeated.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(5..))]
    rounds: u32,
    /// MiB of each transfer.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..))]
    mib: u64,
}

/// A figure with a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Durable commits and replay, against raw JetStream.
    Journal,
    /// Acknowledged commits and the first append after `kill -9` of nats-server, a hundred times.
    Nats,
    /// The time until a gateway without a checkpoint has read a million commits.
    Fold,
    /// Events to a hundred readers at ten thousand a second, and the memory of five thousand that wait.
    Events,
    /// What asking whose key it is adds to a request.
    Keys,
    /// Create to first output, booted, against the bare engine.
    Overhead,
    /// The same, restored from the template's snapshot, and against a boot.
    Restore,
    /// What a second pause writes, against the first.
    Pause,
    /// Time and memory of a running sandbox's children.
    Fork,
    /// Page faults per second, against the least that a handler can be, and what a working set avoids.
    Pager,
    /// The time until a killed host has re-adopted its VMs.
    Adopt,
    /// Bulk data and calls through the gateway, against the same made straight to the guest.
    Data,
    /// The host agent's memory per idle sandbox.
    Idle,
}

/// Measures, prints a table, and fails if a bar is missed.
pub async fn run(options: Options, cancelled: &CancellationToken) -> Result<()> {
    match options.figure {
        Figure::Journal => example("roost-journal", "journal_bench", cancelled).await,
        Figure::Nats => example("roost-journal", "nats_bench", cancelled).await,
        Figure::Fold => example("roost-runtime", "fold_bench", cancelled).await,
        Figure::Events => example("roost-gateway", "events_bench", cancelled).await,
        Figure::Keys => example("roost-gateway", "keys_bench", cancelled).await,
        Figure::Idle => example("roost-runtime", "idle_actors", cancelled).await,
        Figure::Pager => example("roost-pager", "pager_bench", cancelled).await,
        Figure::Adopt => adopt::run(options.rounds, cancelled).await,
        Figure::Data => data::run(options.rounds, options.mib, cancelled).await,
        Figure::Restore => restore::run(options.rounds, cancelled).await,
        Figure::Pause => pause::run(cancelled).await,
        Figure::Fork => fork::run(cancelled).await,
        Figure::Overhead => overhead::run(options.rounds, cancelled).await,
    }
}

/// Runs an example that measures, prints its own table and exits with an error if a bar is missed.
async fn example(package: &str, name: &str, cancelled: &CancellationToken) -> Result<()> {
    let work = async {
        let nats_server = setup::run().await?;
        let program = build::example(package, name).await?;
        ui::heading(name);
        let mut command = Command::new(&program);
        command.env("PATH", process::path_with(&nats_server));
        let status = process::Group::spawn(&mut command)?.wait().await?;
        if !status.success() {
            bail!("{name} missed a bar or failed ({status})");
        }
        Ok(())
    };
    cancelled
        .run_until_cancelled(work)
        .await
        .unwrap_or_else(|| bail!("interrupted"))
}
