//! `manifest.json`: what a host finds in the images folder.

use anyhow::Result;
use roost_images::{Manifest, TemplateEntry, VERSION};

use super::kernel::Kernel;
use super::recipe;
use super::store::{Artefact, Store};

/// Describes a template's image.
pub(super) fn template(name: &str, recipe: &recipe::Template, image: &Artefact) -> Result<TemplateEntry> {
    Ok(TemplateEntry {
        name: name.parse()?,
        image: image.image()?,
        vcpus: recipe.vcpus,
        memory_mb: recipe.memory_mb,
    })
}

/// Describes the files of one set.
pub(super) fn describe(
    kernel: &Kernel,
    initramfs: &Artefact,
    blank_drive: &Artefact,
    templates: Vec<TemplateEntry>,
) -> Result<Manifest> {
    let entry = |file: &Artefact| -> Result<_> {
        Ok(roost_images::Kernel {
            release: kernel.release.clone(),
            image: file.image()?,
        })
    };
    Ok(Manifest {
        version: VERSION,
        kernel: entry(&kernel.vmlinuz)?,
        vmlinux: entry(&kernel.vmlinux)?,
        initramfs: initramfs.image()?,
        blank_drive: blank_drive.image()?,
        templates,
    })
}

/// Puts the manifest in its place, unless it is there already.
pub(super) fn write(manifest: &Manifest, store: &Store) -> Result<()> {
    let path = store.folder().join("manifest.json");
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    if std::fs::read(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    store.write(&path, &text)
}
