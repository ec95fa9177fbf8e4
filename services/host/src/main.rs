//! `roost-host`: the host agent.

use anyhow::Result;
use clap::Parser;
use roost_host::cli::{Cli, Command};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("ROOST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match cli.command {
        Some(Command::Purge(purge)) => roost_host::purge::purge(&purge).await,
        None => roost_host::run::run(cli.run).await,
    }
}
