//! The kernel's Debian package: the one in the lock, or its successor when the archive dropped that one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::super::recipe::{Kernel, LockedPackage};
use super::super::store::{Artefact, Key, Store};
use crate::{process, ui};

/// How the names of kernel packages begin; the rest is the release.
const PREFIX: &str = "linux-image-";

/// A kernel package on disk.
pub(super) struct Package {
    pub(super) deb: Artefact,
    pub(super) release: String,
}

/// Fetches the locked package; its successor if it cannot be had any more, and says so.
pub(super) async fn ensure(store: &Store, recipe: &Kernel, lock: &LockedPackage) -> Result<Package> {
    let locked = match fetch(store, lock).await {
        Ok(package) => return Ok(package),
        Err(error) => error,
    };
    update_lists().await.with_context(|| format!("{locked:#}"))?;
    if let Ok(package) = fetch(store, lock).await {
        return Ok(package);
    }
    let current = resolve(&recipe.package).await?;
    ui::detail(format!(
        "the archive no longer has {} {}; images/lock.toml should say:\n{}",
        lock.package,
        lock.version,
        toml::to_string(&current)?
    ));
    fetch(store, &current).await
}

async fn fetch(store: &Store, wanted: &LockedPackage) -> Result<Package> {
    let Some(release) = wanted.package.strip_prefix(PREFIX) else {
        bail!(
            "{} is no kernel package: its name must begin with {PREFIX}",
            wanted.package
        );
    };
    let key = Key::new("package/1").with_recipe(wanted)?;
    let deb = store
        .artefact("kernel.deb", &key, async |to: &Path| {
            download(store, wanted, to).await
        })
        .await?;
    Ok(Package {
        deb,
        release: release.to_owned(),
    })
}

async fn download(store: &Store, wanted: &LockedPackage, to: &Path) -> Result<()> {
    let work = store.work()?;
    let mut command = Command::new("apt-get");
    command
        // The download folder is ours alone, which apt's own user could not enter.
        .args(["-o", "APT::Sandbox::User=root", "download"])
        .arg(format!("{}={}", wanted.package, wanted.version))
        .current_dir(work.path());
    process::run(&mut command).await?;
    let entry = fs::read_dir(work.path())?
        .next()
        .context("apt-get downloaded nothing")??;
    let digest = Sha256::digest(fs::read(entry.path())?);
    let digest = digest
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    if digest != wanted.sha256 {
        bail!(
            "{} {} has the digest {digest}, but images/lock.toml wants {}: if you trust the archive, change the lock",
            wanted.package,
            wanted.version,
            wanted.sha256
        );
    }
    Ok(fs::rename(entry.path(), to)?)
}

async fn update_lists() -> Result<()> {
    let mut command = Command::new("apt-get");
    process::run(command.arg("update"))
        .await
        .map(drop)
        .context("cannot refresh apt's lists, which takes root")
}

/// What `package` depends on now, with the digest that the archive signed.
async fn resolve(package: &str) -> Result<LockedPackage> {
    let depends = show(package, "Depends").await?;
    let name = depends.split_whitespace().find(|word| word.starts_with(PREFIX));
    let name = name.with_context(|| format!("{package} depends on no kernel: {depends:?}"))?;
    Ok(LockedPackage {
        package: name.to_owned(),
        version: show(name, "Version").await?,
        sha256: show(name, "SHA256").await?,
    })
}

/// A field of the newest version of a package.
async fn show(package: &str, field: &str) -> Result<String> {
    let mut command = Command::new("apt-cache");
    let text = process::run(command.args(["show", "--no-all-versions", package])).await?;
    let prefix = format!("{field}: ");
    let value = text.lines().find_map(|line| line.strip_prefix(&prefix));
    value
        .map(str::to_owned)
        .with_context(|| format!("apt knows no {field} of {package}"))
}
