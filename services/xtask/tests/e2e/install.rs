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

/// The folder of a NATS client with a codec for MessagePack, for `PYTHONPATH`.
pub(crate) async fn nats() -> Result<PathBuf> {
    packages("python-nats", &["nats-py[nkeys]==2.16.0", "msgpack==1.2.4"]).await
}

/// The folder of one of Python's packages with all that it needs.
async fn pip(package: &str, version: &str) -> Result<PathBuf> {
    let name = format!("python-{package}-{version}");
    packages(&name, &[&format!("{package}=={version}")]).await
}

/// The folder `name` of some of Python's packages with all that they need.
async fn packages(name: &str, packages: &[&str]) -> Result<PathBuf> {
    once(name, |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            // The wheels of a system's Python may not be written to, but this is not its folder.
            .args(["--no-warn-script-location", "--target"])
            .arg(folder)
            .args(packages);
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
