//! `manifest.json`: what a host finds in the images folder.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::kernel::Kernel;
use super::recipe;
use super::store::{Artefact, Store};

/// The layout of the manifest.
const VERSION: u32 = 1;

/// A file beside the manifest.
#[derive(Debug, Serialize)]
struct Entry {
    file: String,
    digest: String,
    bytes: u64,
}

impl Entry {
    fn new(artefact: &Artefact) -> Self {
        let content = artefact.content.clone();
        Self {
            file: artefact.name(),
            digest: content.digest,
            bytes: content.bytes,
        }
    }
}

#[derive(Debug, Serialize)]
struct KernelEntry {
    release: String,
    #[serde(flatten)]
    entry: Entry,
}

/// A template in the manifest.
#[derive(Debug, Serialize)]
pub(super) struct Template {
    name: String,
    #[serde(flatten)]
    entry: Entry,
    vcpus: u32,
    memory_mb: u32,
}

impl Template {
    /// Describes a template's image.
    pub(super) fn new(name: &str, recipe: &recipe::Template, image: &Artefact) -> Self {
        let (vcpus, memory_mb) = (recipe.vcpus, recipe.memory_mb);
        Self {
            name: name.to_owned(),
            entry: Entry::new(image),
            vcpus,
            memory_mb,
        }
    }
}

/// All of them.
#[derive(Debug, Serialize)]
pub(super) struct Manifest {
    version: u32,
    kernel: KernelEntry,
    vmlinux: KernelEntry,
    initramfs: Entry,
    blank_drive: Entry,
    templates: Vec<Template>,
}

impl Manifest {
    /// Describes the files of one set.
    pub(super) fn new(
        kernel: &Kernel,
        initramfs: &Artefact,
        blank_drive: &Artefact,
        templates: Vec<Template>,
    ) -> Self {
        let kernel_entry = |file| KernelEntry {
            release: kernel.release.clone(),
            entry: Entry::new(file),
        };
        Self {
            version: VERSION,
            kernel: kernel_entry(&kernel.vmlinuz),
            vmlinux: kernel_entry(&kernel.vmlinux),
            initramfs: Entry::new(initramfs),
            blank_drive: Entry::new(blank_drive),
            templates,
        }
    }

    /// Puts the manifest in its place, unless it is there already.
    pub(super) fn write(&self, store: &Store) -> Result<()> {
        let path: PathBuf = store.folder().join("manifest.json");
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        if std::fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        store.write(&path, &text)
    }
}
