//! Images that are missing or damaged: an error that names the file, and nothing left.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hyper::Method;
use serde_json::{Value, json};

use crate::harness::{parts, with_parts};

/// A folder that looks like `images`, but `file` is what `change` makes of it.
fn images_with(images: &Path, file: &str, change: impl FnOnce(&Path)) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(images)? {
        let entry = entry?;
        if entry.file_name() != file {
            symlink(entry.path(), folder.path().join(entry.file_name()))?;
        }
    }
    change(&folder.path().join(file));
    Ok(folder)
}

/// The error of a stack with these images: of its start, or of a create.
async fn error_with(images: &Path) -> Result<String> {
    let mut parts = parts().await?;
    parts.images = images.to_owned();
    let mut refused = None;
    let started = with_parts(parts, async |stack| {
        let answer = stack
            .api()
            .send(Method::POST, "/v1/sandboxes", &json!({"template": "minimal"}))
            .await?;
        assert!(answer.error_code().is_some(), "{answer:?}");
        refused = Some(String::from_utf8_lossy(&answer.body).into_owned());
        Ok(())
    })
    .await;
    Ok(match started {
        Ok(()) => refused.unwrap_or_default(),
        Err(error) => format!("{error:#}"),
    })
}

/// The manifest of the images, and the folder they are in.
async fn images() -> Result<(Value, PathBuf)> {
    let images = parts().await?.images;
    let manifest = serde_json::from_slice(&fs::read(images.join("manifest.json"))?)?;
    Ok((manifest, images))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_template_image_is_named() -> Result<()> {
    let (manifest, images) = images().await?;
    let templates = manifest["templates"].as_array().context("a list")?;
    let minimal = templates
        .iter()
        .find(|one| one["name"] == "minimal")
        .context("a template of every release")?;
    let file = minimal["file"].as_str().context("a name")?;
    let error = error_with(images_with(&images, file, |_| {})?.path()).await?;
    assert!(error.contains(file), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_kernel_is_named() -> Result<()> {
    let (manifest, images) = images().await?;
    let file = manifest["vmlinux"]["file"].as_str().context("a name")?;
    let damage = |path: &Path| fs::write(path, "not a kernel").expect("a fresh folder is writable");
    let error = error_with(images_with(&images, file, damage)?.path()).await?;
    assert!(error.contains(file), "{error}");
    Ok(())
}
