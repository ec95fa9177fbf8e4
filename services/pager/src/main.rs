//! The `roost-pager` command.

use clap::Parser;
use roost_pager::cli::Cli;

fn main() -> anyhow::Result<()> {
    Ok(roost_pager::run(&Cli::parse())?)
}
