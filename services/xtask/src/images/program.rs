//! The guest's program, built from this repository as one static binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::store::{Artefact, Key, Store};
use crate::{build, process, repository};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const PROFILE: &str = "guest";
/// Given here and not in Cargo's configuration, where it would apply to every other program of that target too.
const STATIC: &str = r#"target.x86_64-unknown-linux-gnu.rustflags=["-Ctarget-feature=+crt-static"]"#;

/// What the program is compiled from; the compiler's own version is left out on purpose, an old build stays good.
const INGREDIENTS: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "guest/Cargo.toml",
    "guest/src",
    "schemas/Cargo.toml",
    "schemas/src",
];

/// The program, built when its sources changed.
pub(super) async fn ensure(store: &Store) -> Result<Artefact> {
    let mut key = Key::new("program/1").with(STATIC);
    for file in ingredients()? {
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        key = key.with(file.to_string_lossy().as_bytes()).with(text);
    }
    store.artefact("roost-guest", &key, compile).await
}

async fn compile(to: &Path) -> Result<()> {
    let mut command = build::command();
    command
        .args(["build", "--quiet", "--locked", "--package", "roost-guest"])
        .args(["--profile", PROFILE, "--target", TARGET, "--config", STATIC])
        // A target folder of one's own choice would be somewhere else.
        .arg("--target-dir")
        .arg(target_folder());
    process::run(&mut command).await?;
    let built = target_folder().join(TARGET).join(PROFILE).join("roost-guest");
    fs::copy(&built, to).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(())
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository::root().join("target"), PathBuf::from)
}

/// Every source file, in one order, by its path in the repository.
fn ingredients() -> Result<Vec<PathBuf>> {
    let root = repository::root();
    let mut files = Vec::new();
    for name in INGREDIENTS {
        collect(&root.join(name), &mut files)?;
    }
    files.sort();
    Ok(files)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    if !path.is_dir() {
        bail!(
            "{} is missing: run this from a whole checkout of Roost",
            path.display()
        );
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
