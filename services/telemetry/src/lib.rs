//! What every process of ours tells of itself: its log, its traces and its figures.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Lets this process log to standard error: what `ROOST_LOG` says, from `info` on if it says nothing.
pub fn init() {
    let filter = EnvFilter::try_from_env("ROOST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
