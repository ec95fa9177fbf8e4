//! The modules an initramfs needs, each after what it depends on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::super::initramfs::Archive;

/// Where the guest's program looks for them, and the list it loads them by.
const FOLDER: &str = "modules";
const ORDER: &str = "order";

/// Writes the modules of `tree` (a `lib/modules/<release>`) that `wanted` takes to a cpio archive.
pub(super) fn archive(tree: &Path, wanted: &[String], to: &Path) -> Result<()> {
    let tree = Tree::read(tree)?;
    let mut order = Vec::new();
    for name in wanted {
        tree.resolve(&plain(name), &mut order)?;
    }
    let mut archive = Archive::create(to)?;
    archive.folder(FOLDER)?;
    let list = order
        .iter()
        .map(|name| format!("{name}.ko\n"))
        .collect::<Vec<_>>()
        .concat();
    archive.file(&format!("{FOLDER}/{ORDER}"), 0o644, list.as_bytes())?;
    for name in &order {
        archive.file(
            &format!("{FOLDER}/{name}.ko"),
            0o644,
            &fs::read(&tree.files[name])?,
        )?;
    }
    std::io::Write::flush(&mut archive.finish()?)?;
    Ok(())
}

/// The modules of a kernel, by plain name.
struct Tree {
    files: BTreeMap<String, PathBuf>,
    builtin: Vec<String>,
}

impl Tree {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("modules.builtin");
        let builtin =
            fs::read_to_string(&path).with_context(|| format!("the kernel has no {}", path.display()))?;
        let builtin = builtin.lines().filter_map(|line| stem(Path::new(line))).collect();
        let mut files = BTreeMap::new();
        collect(&folder.join("kernel"), &mut files)?;
        Ok(Self { files, builtin })
    }

    /// Appends `name` to `order`, after what it depends on; nothing if it is there or built in.
    fn resolve(&self, name: &str, order: &mut Vec<String>) -> Result<()> {
        if order.iter().any(|there| there == name) || self.builtin.iter().any(|builtin| builtin == name) {
            return Ok(());
        }
        let Some(path) = self.files.get(name) else {
            bail!("the kernel has no module {name}: correct `modules` in images/kernel.toml");
        };
        let module = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        for dependency in dependencies(&module).with_context(|| format!("in module {name}"))? {
            self.resolve(&dependency, order)?;
        }
        order.push(name.to_owned());
        Ok(())
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if let Some(name) = stem(&path) {
            files.insert(name, path);
        }
    }
    Ok(())
}

fn stem(path: &Path) -> Option<String> {
    Some(plain(path.file_name()?.to_str()?.strip_suffix(".ko")?))
}

/// File names have hyphens where module names have underscores.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The `depends=` entry of a module's `.modinfo`: strings that end with NUL.
fn dependencies(module: &[u8]) -> Result<Vec<String>> {
    const FIELD: &[u8] = b"\0depends=";
    let start = module.windows(FIELD.len()).position(|window| window == FIELD);
    let value = &module[start.context("no dependencies are listed: the file is no module")? + FIELD.len()..];
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let value = std::str::from_utf8(value)?;
    Ok(value
        .split(',')
        .filter(|name| !name.is_empty())
        .map(plain)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(modules: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("kernel/drivers")).unwrap();
        fs::write(folder.path().join("modules.builtin"), "kernel/fs/ext4/ext4.ko\n").unwrap();
        for (name, depends) in modules {
            let path = folder.path().join("kernel/drivers").join(format!("{name}.ko"));
            fs::write(path, format!("license=GPL\0depends={depends}\0name=x\0")).unwrap();
        }
        let tree = Tree::read(folder.path()).unwrap();
        (folder, tree)
    }

    #[test]
    fn each_module_comes_after_what_it_depends_on_and_once() {
        let (_folder, tree) = tree(&[
            ("virtio_ring", ""),
            ("virtio", "virtio_ring"),
            ("virtio-rng", "virtio,virtio_ring"),
            ("virtio_blk", "virtio"),
        ]);
        let mut order = Vec::new();
        for name in ["virtio_rng", "ext4", "virtio_blk"] {
            tree.resolve(name, &mut order).unwrap();
        }
        assert_eq!(order, ["virtio_ring", "virtio", "virtio_rng", "virtio_blk"]);
    }

    #[test]
    fn an_unknown_module_is_named() {
        let (_folder, tree) = tree(&[("virtio", "missing")]);
        let error = tree.resolve("virtio", &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
