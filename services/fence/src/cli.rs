//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Lets the VMs of a host stand still when its agent does not extend their time.
///
/// Prints `ready` when its socket listens, and nothing else. It begins closed, unless it is told until when it is open.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Cli {
    /// The host's run folder, with the folder `engines` in it; the fence ends when it is removed.
    #[arg(long)]
    pub run: PathBuf,
    /// Unix socket on which it is extended, see [`crate::control`]; must not exist.
    #[arg(long)]
    pub socket: PathBuf,
    /// Milliseconds of `CLOCK_BOOTTIME` until which VMs may run, as a fence that died before it was told.
    #[arg(long, default_value_t = 0)]
    pub until_ms: u64,
}
