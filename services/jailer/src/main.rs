//! The `roost-jailer` command.

use clap::Parser;
use roost_jailer::cli::Cli;

fn main() -> anyhow::Result<()> {
    match roost_jailer::run(&Cli::parse())? {}
}
