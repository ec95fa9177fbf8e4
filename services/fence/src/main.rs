//! The `roost-fence` command.

use clap::Parser;
use roost_fence::cli::Cli;

fn main() -> anyhow::Result<()> {
    Ok(roost_fence::run(&Cli::parse())?)
}
