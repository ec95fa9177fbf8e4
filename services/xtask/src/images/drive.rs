//! The blank drive: an empty ext4 in a sparse file, which each sandbox copies.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use tokio::process::Command;

use super::recipe::Drive;
use super::store::{Artefact, Key, Store};
use super::tools;
use crate::process;

/// The drive, formatted once for all sandboxes: formatting takes longer than copying its few blocks.
pub(super) async fn ensure(store: &Store, recipe: &Drive) -> Result<Artefact> {
    let key = Key::new("drive/1").with_recipe(recipe)?;
    store
        .artefact("blank.ext4", &key, async |to: &Path| format(to, recipe).await)
        .await
}

async fn format(to: &Path, recipe: &Drive) -> Result<()> {
    tools().await?;
    File::create(to)?.set_len(recipe.size_gib << 30)?;
    let mut command = Command::new("mke2fs");
    command
        .args([
            "-q",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-m",
            "0",
            "-O",
            "^resize_inode",
            "-L",
            &recipe.label,
        ])
        .args(["-i", &recipe.bytes_per_inode.to_string()])
        .args(["-J", &format!("size={}", recipe.journal_mib)])
        // A fresh file reads as zeros: the kernel need not write them, and the file stays sparse.
        .args(["-E", "assume_storage_prezeroed=1,lazy_itable_init=0"])
        .arg(to);
    process::run(&mut command).await.map(drop)
}
