//! `roost-host`: the host agent.

use anyhow::Result;
use clap::Parser;
use roost_host::cli::{Cli, Command};

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    roost_telemetry::start("roost-host", &cli.run.telemetry).await?;
    match cli.command {
        Some(Command::Purge(purge)) => roost_host::purge::purge(&purge).await,
        None => roost_host::run::run(cli.run).await,
    }
}
