//! `roost log`: what can be done to the event log from outside.
//!
//! ```text
//!   verify   EVENTS or a file ──▶ every message checked, every commit folded ──▶ compared with checkpoints and a gateway
//!   export   EVENTS ──▶ one file that checks itself
//!   import   file, checked ──▶ EVENTS, empty or cut short ──▶ compared
//! ```

mod archive;
mod export;
mod import;
mod source;
mod verify;

use clap::Subcommand;
use roost_journal::jetstream::{Access, Connection, connect};

use crate::output::Output;
use crate::remote::Target;

/// How many messages are sent before their answers are awaited.
const BATCH: usize = 256;

#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Reads and folds everything, and compares what it comes to
    Verify(verify::Verify),
    /// Saves the log in a file
    Export(export::Export),
    /// Brings a saved log back into an empty server, or goes on doing so
    Import(import::Import),
}

pub(crate) async fn run(command: Log, target: &Target, output: Output) -> anyhow::Result<()> {
    match command {
        Log::Verify(verify) => verify.run(target, output).await,
        Log::Export(export) => export.run(output).await,
        Log::Import(import) => import.run(output).await,
    }
}

async fn open(nats: &str, access: &Access) -> anyhow::Result<Connection> {
    Ok(connect(access.options(nats)?.named("roost")).await?)
}
