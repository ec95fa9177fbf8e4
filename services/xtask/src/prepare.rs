//! Everything that must be there before a stack can start.

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

use crate::build::{self, Profile};
use crate::stack::{Parts, Terms};
use crate::{images, setup, ui};

/// Sets the machine up, builds the daemons and the images. Stops at once when `cancelled`.
pub async fn parts(profile: Profile, cancelled: &CancellationToken) -> Result<Parts> {
    setup::require_root()?;
    tokio::select! {
        parts = all(profile) => parts,
        () = cancelled.cancelled() => bail!("interrupted"),
    }
}

async fn all(profile: Profile) -> Result<Parts> {
    ui::heading("Preparing");
    let nats_server = setup::run().await?;
    let binaries = build::daemons(profile).await?;
    let images = images::ensure().await?;
    let tool = std::env::current_exe().context("cannot tell where this program is")?;
    Ok(Parts {
        binaries,
        nats_server,
        images,
        tool,
        host_env: Vec::new(),
        webhooks: Terms::default(),
    })
}
