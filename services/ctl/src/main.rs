//! `roost`: the command of those who use Roost, and of those who look after it.
//!
//! ```text
//!   main ── cli ─┬─ commands   one file each, over HTTP ──▶ remote ──▶ gateway
//!                │  └─ program    programs that are spoken with
//!                ├─ log        the event log from outside
//!                ├─ nats       credentials and documents of the NATS side
//!                └─ doctor     whether this machine can be a host
//!   output: tables, colours, progress          exit: what a script learns from the exit code
//! ```

mod cli;
mod commands;
mod doctor;
mod exit;
mod log;
mod nats;
mod output;
mod program;
mod remote;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("ROOST_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return exit::tell(&anyhow::Error::new(error).context("cannot start the async runtime"));
        }
    };
    let result = runtime.block_on(cli.run());
    // Not waited for: a read of standard input cannot be called off.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(error) => exit::tell(&error),
    }
}
