//! Packages as they are published, installed once into the cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;
use xtask::setup::node::Node;
use xtask::{places, process};

/// The folder of E2B's SDK for Python, for `PYTHONPATH`.
pub(crate) async fn python(version: &str) -> Result<PathBuf> {
    pip("e2b", version).await
}

/// The folder of Schemathesis, for `PYTHONPATH`.
pub(crate) async fn schemathesis(version: &str) -> Result<PathBuf> {
    pip("schemathesis", version).await
}

/// The folder of one of Python's packages with all that it needs.
async fn pip(package: &str, version: &str) -> Result<PathBuf> {
    once(&format!("python-{package}-{version}"), |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            // The wheels of a system's Python may not be written to, but this is not its folder.
            .args(["--no-warn-script-location", "--target"])
            .arg(folder)
            .arg(format!("{package}=={version}"));
        pip
    })
    .await
}

/// The folder in which JavaScript's SDK is one of the `node_modules`.
pub(crate) async fn javascript(node: &Node, version: &str) -> Result<PathBuf> {
    once(&format!("javascript-{version}"), |folder| {
        let mut npm = node.npm();
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(format!("e2b@{version}"));
        npm
    })
    .await
}

/// Lets `install` fill a folder of that name, unless an earlier run has; a broken try leaves nothing that looks complete.
async fn once(name: &str, install: impl FnOnce(&Path) -> Command) -> Result<PathBuf> {
    let all = places::cache()?.join("packages");
    let folder = all.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&all).with_context(|| format!("cannot make {}", all.display()))?;
    let work = tempfile::Builder::new().prefix("install-").tempdir_in(&all)?;
    let made = work.path().join(name);
    std::fs::create_dir(&made)?;
    process::run(&mut install(&made))
        .await
        .with_context(|| format!("cannot install {name}"))?;
    match std::fs::rename(&made, &folder) {
        // Another test was faster.
        Err(_) if folder.is_dir() => Ok(folder),
        moved => moved
            .map(|()| folder.clone())
            .with_context(|| format!("cannot make {}", folder.display())),
    }
}
