//! A template's image: a Debian root folder made by mmdebstrap, put into a read-only ext4.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::recipe::Template;
use super::store::{Artefact, Key, Store};
use super::{sources, tools};
use crate::process;

/// Room for the filesystem's own tables, in bytes, besides a tenth of the content.
const OVERHEAD: u64 = 8 << 20;
const BLOCK: u64 = 4096;

/// The image of one template.
pub(super) async fn ensure(store: &Store, name: &str, recipe: &Template) -> Result<Artefact> {
    let key = Key::new("template/2").with_recipe(recipe)?;
    store
        .artefact(&format!("{name}.ext4"), &key, async |to: &Path| {
            tools().await?;
            let work = store.work()?;
            let root = work.path().join("root");
            bootstrap(recipe, work.path(), &root).await?;
            format(name, &root, to).await
        })
        .await
}

/// Unpacks and sets up the packages in `root`.
async fn bootstrap(recipe: &Template, work: &Path, root: &Path) -> Result<()> {
    let mut command = contained("mmdebstrap");
    command
        .args(["--quiet", "--mode=root", "--format=directory"])
        .arg(format!("--variant={}", recipe.variant))
        .arg(format!("--include={}", recipe.packages.join(",")))
        .args(
            recipe
                .exclude
                .iter()
                .map(|path| format!("--dpkgopt=path-exclude={path}")),
        )
        .args(proxies().await?.iter().map(|line| format!("--aptopt={line}")))
        .arg(&recipe.suite)
        .arg(root)
        .args(sources::collect(Path::new("/etc/apt"), &recipe.suite, work)?)
        .env("TMPDIR", work);
    process::run(&mut command).await?;
    // mmdebstrap leaves these two as they are on this machine; the guest writes its own.
    for name in ["etc/hostname", "etc/resolv.conf"] {
        let _ = fs::remove_file(root.join(name));
    }
    // dpkg heeds path-exclude, but the `extract` variant does not run dpkg.
    for pattern in &recipe.exclude {
        empty(root, pattern)?;
    }
    for (name, content) in &recipe.files {
        let path = root.join(name.trim_start_matches('/'));
        fs::write(&path, content.trim_start()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for line in &recipe.setup {
        process::run(contained("chroot").arg(root).args(line.split_whitespace())).await?;
    }
    Ok(())
}

/// A program in namespaces of its own: when it is killed, so is all that it started, and its mounts are gone.
fn contained(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        program,
    ]);
    command
}

/// How apt reaches its archives from here, which mmdebstrap's own apt does not know.
async fn proxies() -> Result<Vec<String>> {
    let mut command = Command::new("apt-config");
    command.args(["dump", "--format", "%F \"%v\";%n", "Acquire"]);
    let settings = process::run(&mut command).await?;
    Ok(settings
        .lines()
        .filter(|line| line.contains("::Proxy"))
        .map(str::to_owned)
        .collect())
}

/// Removes what a pattern of the form `/folder/*` leaves out.
fn empty(root: &Path, pattern: &str) -> Result<()> {
    let Some(folder) = pattern.strip_suffix("/*") else {
        bail!(
            "the recipe excludes {pattern:?}; only whole folders can be left out, as in \"/usr/share/doc/*\""
        );
    };
    let path = root.join(folder.trim_start_matches('/'));
    if path.is_dir() {
        fs::remove_dir_all(&path).with_context(|| format!("cannot empty {}", path.display()))?;
        fs::create_dir(&path)?;
    }
    Ok(())
}

/// Puts `root` into a filesystem just large enough: nobody writes to it.
async fn format(name: &str, root: &Path, to: &Path) -> Result<()> {
    let content = measure(root)?;
    let size = (content.bytes + content.bytes / 10 + OVERHEAD).next_multiple_of(1 << 20);
    fs::File::create(to)?.set_len(size)?;
    let mut command = Command::new("mke2fs");
    command
        // Read-only for good: no journal, no room to grow, nothing reserved.
        .args([
            "-q",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-m",
            "0",
            "-O",
            "^has_journal,^resize_inode",
        ])
        .args(["-N", &(content.files + 64).to_string()])
        .args([
            "-L",
            &format!("roost-{name}").chars().take(16).collect::<String>(),
        ])
        .arg("-d")
        .arg(root)
        .arg(to);
    process::run(&mut command).await.map(drop)
}

/// What a folder takes in a filesystem.
#[derive(Debug, Default, PartialEq, Eq)]
struct Measure {
    files: u64,
    bytes: u64,
}

fn measure(folder: &Path) -> Result<Measure> {
    let mut sum = Measure::default();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum.files += 1;
        sum.bytes += metadata.size().next_multiple_of(BLOCK);
        if metadata.is_dir() {
            let below = measure(&entry.path())?;
            sum.files += below.files;
            sum.bytes += below.bytes;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusion_empties_the_folder_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/share/doc/bash")).unwrap();
        fs::create_dir_all(root.path().join("usr/share/bash")).unwrap();
        empty(root.path(), "/usr/share/doc/*").unwrap();
        empty(root.path(), "/usr/share/absent/*").unwrap();
        assert_eq!(measure(&root.path().join("usr/share")).unwrap().files, 2);
        assert!(empty(root.path(), "/usr/share/bash").is_err());
    }
}
