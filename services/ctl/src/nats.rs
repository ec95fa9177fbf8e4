//! `roost nats`: credentials and documents for clients of NATS.

use anyhow::{Result, bail};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Nats {
    /// Make credentials
    Creds,
}

/// Does what was asked.
#[expect(clippy::unused_async, reason = "the commands that come here wait")]
pub(crate) async fn run(command: Nats) -> Result<()> {
    match command {
        Nats::Creds => bail!("there are no credentials yet"),
    }
}
