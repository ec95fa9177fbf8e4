//! The recipes: what `images/*.toml` may say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// `kernel.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kernel {
    /// The package that depends on the current kernel's.
    pub(super) package: String,
    /// Modules the initramfs must hold.
    pub(super) modules: Vec<String>,
}

/// `lock.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// What the kernel's package resolved to.
    pub(super) kernel: LockedPackage,
}

/// A package of which only one build will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockedPackage {
    /// Its name.
    pub(super) package: String,
    /// Its version.
    pub(super) version: String,
    /// The digest of the `.deb`, in hex.
    pub(super) sha256: String,
}

/// `drive.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drive {
    /// The filesystem's label.
    pub(super) label: String,
    /// Its size.
    pub(super) size_gib: u64,
    /// The size of its journal.
    pub(super) journal_mib: u64,
    /// One inode for so many bytes.
    pub(super) bytes_per_inode: u64,
}

/// A template's recipe.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    /// Debian's release.
    pub(super) suite: String,
    /// mmdebstrap's variant: how much more than `packages` is in it.
    pub(super) variant: String,
    /// Packages, besides what they depend on.
    pub(super) packages: Vec<String>,
    /// Paths that are not unpacked.
    #[serde(default)]
    pub(super) exclude: Vec<String>,
    /// Files and their contents, by path below the root; put there before `setup`.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// Commands run in the new root, their words separated by spaces.
    #[serde(default)]
    pub(super) setup: Vec<String>,
    /// Virtual CPUs of its sandboxes.
    pub(super) vcpus: u32,
    /// Memory of its sandboxes, in MiB.
    pub(super) memory_mb: u32,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Recipes {
    pub(super) kernel: Kernel,
    pub(super) lock: Lock,
    pub(super) drive: Drive,
    /// By template name.
    pub(super) templates: BTreeMap<String, Template>,
}

/// What is no template's name.
const OTHERS: [&str; 3] = ["kernel", "lock", "drive"];

impl Recipes {
    /// Reads every recipe in `folder`.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let mut templates = BTreeMap::new();
        let entries = fs::read_dir(folder).with_context(|| {
            format!(
                "cannot list {}: run this from a checkout of Roost",
                folder.display()
            )
        })?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str());
            if path.extension().is_some_and(|extension| extension == "toml")
                && let Some(name) = name
                && !OTHERS.contains(&name)
            {
                templates.insert(name.to_owned(), read(&path)?);
            }
        }
        if templates.is_empty() {
            bail!(
                "{} holds no template: a sandbox needs one to start from",
                folder.display()
            );
        }
        Ok(Self {
            kernel: read(&folder.join("kernel.toml"))?,
            lock: read(&folder.join("lock.toml"))?,
            drive: read(&folder.join("drive.toml"))?,
            templates,
        })
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a valid recipe", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_recipes_of_this_repository_are_valid() {
        let recipes = Recipes::load(&repository::root().join("images")).unwrap();
        let names: Vec<&str> = recipes.templates.keys().map(String::as_str).collect();
        assert_eq!(names, ["base", "minimal"]);
        assert_eq!(recipes.lock.kernel.sha256.len(), 64);
    }

    #[test]
    fn a_misspelt_field_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("odd.toml"), "suite = \"bookworm\"\nvcpu = 1\n").unwrap();
        let error = format!("{:#}", Recipes::load(folder.path()).unwrap_err());
        assert!(error.contains("odd.toml") && error.contains("vcpu"), "{error}");
    }
}
