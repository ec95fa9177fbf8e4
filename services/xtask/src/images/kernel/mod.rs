//! The guest's kernel: compressed, unpacked, and its modules.

mod modules;
mod package;
mod unpack;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::recipe;
use super::store::{Artefact, Key, Store};
use crate::process;

/// The files made from one kernel package.
#[derive(Debug)]
pub(super) struct Kernel {
    /// Linux's name for the build, as `uname -r` prints it.
    pub(super) release: String,
    /// The bzImage.
    pub(super) vmlinuz: Artefact,
    /// The ELF file inside it.
    pub(super) vmlinux: Artefact,
    /// A cpio archive with the modules and the order in which to load them.
    pub(super) modules: Artefact,
}

/// Fetches the package and makes the rest from it.
pub(super) async fn ensure(store: &Store, recipe: &recipe::Kernel, lock: &recipe::Lock) -> Result<Kernel> {
    let package = package::ensure(store, recipe, &lock.kernel).await?;
    let release = package.release;
    let deb = &package.deb;
    let key = |name: &str| Key::new(name).with(deb.content.digest.to_string());
    let compressed = store
        .artefact("vmlinuz", &key("vmlinuz/1"), async |to: &Path| {
            let files = unpacked(store, deb).await?;
            let image = files.path().join(format!("boot/vmlinuz-{release}"));
            fs::rename(&image, to).with_context(|| format!("the package holds no {}", image.display()))
        })
        .await?;
    let elf = store
        .artefact("vmlinux", &key("vmlinux/1"), async |to: &Path| {
            Ok(fs::write(to, unpack::vmlinux(&fs::read(&compressed.path)?)?)?)
        })
        .await?;
    let modules = store
        .artefact(
            "modules.cpio",
            &key("modules/1").with_recipe(recipe)?,
            async |to: &Path| {
                let files = unpacked(store, deb).await?;
                modules::archive(
                    &files.path().join("lib/modules").join(&release),
                    &recipe.modules,
                    to,
                )
            },
        )
        .await?;
    Ok(Kernel {
        release,
        vmlinuz: compressed,
        vmlinux: elf,
        modules,
    })
}

async fn unpacked(store: &Store, deb: &Artefact) -> Result<tempfile::TempDir> {
    let folder = store.work()?;
    let mut command = Command::new("dpkg-deb");
    command.arg("--extract").arg(&deb.path).arg(folder.path());
    process::run(&mut command).await?;
    Ok(folder)
}
