//! The command line.

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::{bench, chaos, demo, fuzz, images, setup, sim, supervise, testing, up};

/// Sets up, builds, runs, tests and measures Roost.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does the main job from nothing: boots a sandbox, runs commands in it, shows its log, leaves nothing behind.
    Demo,
    /// Keeps everything running until Ctrl-C; state is kept across restarts.
    Up(up::Options),
    /// Runs the checks and tests; everything, or one category.
    Test(testing::Options),
    /// Runs the domain and the runtime in seeded worlds where everything fails.
    Sim(sim::Options),
    /// Throws arbitrary input at the guest's agent, for a bounded time.
    Fuzz(fuzz::Options),
    /// Uses real sandboxes while everything that runs is killed and stopped at random, then looks for what was lost.
    Chaos(chaos::Options),
    /// Measures a promise of the design and compares it with its bar.
    Bench(bench::Options),
    /// Installs what this machine lacks.
    Setup,
    /// Builds kernel, initramfs and templates.
    Images,
    /// Cleans up after a killed xtask; started by xtask itself.
    #[command(hide = true)]
    Watchdog,
}

impl Cli {
    /// Does what was asked.
    pub async fn run(self, cancelled: &CancellationToken) -> Result<()> {
        match self.command {
            Command::Demo => demo::run(cancelled).await,
            Command::Up(options) => up::run(options, cancelled).await,
            Command::Test(options) => testing::run(options, cancelled).await,
            Command::Sim(options) => sim::run(options, cancelled).await,
            Command::Fuzz(options) => fuzz::run(options, cancelled).await,
            Command::Chaos(options) => chaos::run(options, cancelled).await,
            Command::Bench(options) => bench::run(options, cancelled).await,
            Command::Setup => cancelled
                .run_until_cancelled(setup::run())
                .await
                .unwrap_or_else(interrupted)
                .map(drop),
            Command::Images => cancelled
                .run_until_cancelled(images::ensure())
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
