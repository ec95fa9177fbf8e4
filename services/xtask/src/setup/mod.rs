//! Making a machine ready: packages from apt, and programs that are pinned by digest.

pub mod apt;
pub mod nats_server;
pub mod node;
mod platform;
mod wheel;

use std::path::PathBuf;

use anyhow::Result;

pub use roost_stack::require_root;

use crate::ui;

/// Installs what is missing and returns the `nats-server` to use. Costs nothing when all is there.
pub async fn run() -> Result<PathBuf> {
    platform::require_linux()?;
    ui::step("packages", apt::ensure(apt::TOOLS)).await?;
    ui::step("nats-server", nats_server::ensure()).await
}
