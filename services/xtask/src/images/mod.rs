//! Kernel, initramfs, templates and the blank drive, made from the recipes in `images/` and kept by content.
//!
//! ```text
//!   kernel.toml, lock.toml ─▶ package ─┬─▶ vmlinuz ─▶ vmlinux
//!                                      └─▶ modules ─┐
//!   guest/, schemas/ ────────▶ program ─────────────┴─▶ initramfs      manifest.json
//!   minimal.toml, base.toml ─▶ root folder ─▶ template.ext4            names them all
//!   drive.toml ──────────────▶ blank.ext4
//! ```
//!
//! Each file's name holds the digest of what it was made from: one that is there is right, whoever made it.

mod drive;
mod initramfs;
mod kernel;
mod manifest;
mod program;
mod recipe;
mod sources;
mod store;
mod template;

use std::path::PathBuf;

use anyhow::{Context, Result};
use roost_images::Manifest;

use crate::setup::apt;
use crate::{places, repository};

use recipe::Recipes;
use store::Store;

/// Makes what is missing and returns the folder with `manifest.json`. Costs next to nothing when all is there.
pub async fn ensure() -> Result<PathBuf> {
    let recipes = Recipes::load(&repository::root().join("images"))?;
    let store = Store::open(places::cache()?.join("images")).await?;
    let manifest = make(&store, &recipes).await.context("cannot make the images")?;
    manifest::write(&manifest, &store)?;
    Ok(store.folder().to_path_buf())
}

async fn make(store: &Store, recipes: &Recipes) -> Result<Manifest> {
    let kernel = kernel::ensure(store, &recipes.kernel, &recipes.lock).await?;
    let program = program::ensure(store).await?;
    let initramfs = initramfs::ensure(store, &program, &kernel.modules).await?;
    let blank_drive = drive::ensure(store, &recipes.drive).await?;
    let mut templates = Vec::new();
    for (name, recipe) in &recipes.templates {
        let image = template::ensure(store, name, recipe).await?;
        templates.push(manifest::template(name, recipe, &image)?);
    }
    manifest::describe(&kernel, &initramfs, &blank_drive, templates)
}

/// Installs the tools of the recipes; called only when something is to be made.
async fn tools() -> Result<()> {
    apt::ensure(apt::TOOLS).await
}
