//! Which `nats-server` will do.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::process;

/// The oldest version with all that the log needs.
pub const OLDEST: (u32, u32) = (2, 15);

/// The one in `PATH`, if it is new enough.
pub async fn installed() -> Option<PathBuf> {
    let found = process::find("nats-server")?;
    let version = version(&found).await.ok()?;
    (version >= OLDEST).then_some(found)
}

/// The version of `program`, major and minor.
pub async fn version(program: &Path) -> Result<(u32, u32)> {
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
}
