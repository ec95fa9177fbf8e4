//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Serves the page faults of one VM from a snapshot.
///
/// Prints `ready` when both sockets listen, and nothing else. It ends with its engine; what it cannot go on without ends
/// the engine too.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Cli {
    /// The manifest of the memory.
    #[arg(long)]
    pub manifest: PathBuf,
    /// The folder with the snapshots that the manifest names.
    #[arg(long)]
    pub store: PathBuf,
    /// Unix socket on which the engine hands over its memory; must not exist.
    #[arg(long)]
    pub socket: PathBuf,
    /// Unix socket for questions, see [`crate::control`]; must not exist.
    #[arg(long)]
    pub control: PathBuf,
    /// A working set to put in place ahead of the faults; it is left out if it cannot be read.
    #[arg(long)]
    pub prefetch: Option<PathBuf>,
    /// Where to write the working set down.
    #[arg(long)]
    pub record: Option<PathBuf>,
    /// The user to become when both sockets listen, which nobody else is. `--control` and `--record` must then be in one folder,
    /// which must be its own.
    #[arg(long, requires = "engine_user", value_parser = clap::value_parser!(u32).range(1..))]
    pub user: Option<u32>,
    /// The user of the engine, which it must be able to kill.
    #[arg(long, requires = "user", value_parser = clap::value_parser!(u32).range(1..))]
    pub engine_user: Option<u32>,
    /// Milliseconds after which an unanswered fault ends the engine.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_fault_ms: u64,
    /// Milliseconds to wait for an engine.
    #[arg(long, hide = true, default_value_t = 60_000)]
    pub patience_ms: u64,
    /// Pages of the aligned blocks that are put in place at once: a power of two, 1 for the faulting page alone.
    #[arg(long, hide = true, default_value_t = 16, value_parser = parse_block)]
    pub block_pages: u64,
}

fn parse_block(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(pages) if u64::is_power_of_two(pages) && pages <= 512 => Ok(pages),
        _ => Err("must be a power of two, at most 512".to_owned()),
    }
}
