//! `roost`: the command.

use clap::Parser;

/// Looks after Roost.
#[derive(Debug, Parser)]
#[command(name = "roost", version)]
struct Cli {}

fn main() {
    let Cli {} = Cli::parse();
}
