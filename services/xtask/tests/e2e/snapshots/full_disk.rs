//! A store without room: a pause fails in words, and the sandbox runs on as if nothing had been.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use xtask::leaks::{self, Inventory, Scope};
use xtask::stack::{Ports, Stack, StateFolder};
use xtask::supervise::Role;

use super::witness::Witness;
use super::{act, view};
use crate::harness::parts;

/// Enough for the snapshots of one small sandbox and of its template.
const SIZE: &str = "size=1g";

/// A file system in memory, until this is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: PathBuf) -> Result<Self> {
        fs::create_dir_all(&at)?;
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "roost-e2e"])
            .arg(&at)
            .status()?;
        ensure!(status.success(), "cannot mount on {}", at.display());
        Ok(Self(at))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Detached at once, whatever is still open there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_finds_the_disk_full_leaves_it_running() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("roost-e2e-").tempdir()?;
    let state = StateFolder::open(folder.path(), None)?;
    let scope = Scope::of(&state);
    // All of the host's state: a jail and what is put into it have to be on one file system.
    let disk = Tmpfs::mount(state.of(Role::Host))?;
    let store = state.of(Role::Host).join("snapshots");
    let never = CancellationToken::new();
    let result = Stack::with(parts().await?, Ports::free()?, state, &never, async |stack| {
        no_room_for_a_pause(stack, &store).await
    })
    .await;
    // What the host has on it is purged by now.
    drop(disk);
    folder.close()?;
    let left = leaks::left_since(&Inventory::default(), &scope).await?;
    result?;
    assert!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}

async fn no_room_for_a_pause(stack: &Stack, store: &Path) -> Result<()> {
    let api = stack.api();
    let request = json!({"template": "minimal", "timeout_sec": 3600});
    let sandbox = api.create(&request).await?.id;
    let mut witness = Witness::start(&api, &sandbox).await?;
    let before = entries(store)?;
    let filler = store.join("filler");
    // More or less room makes it fail at one write or at another.
    for room_kib in [0, 64, 1024, 4096] {
        fill(&filler, store, room_kib)?;
        let path = format!("/v1/sandboxes/{sandbox}/pause");
        let answer = api.send(Method::POST, &path, &Value::Null).await?;
        ensure!(
            answer.error_code().as_deref() == Some("pause_failed"),
            "with {room_kib} KiB: {answer:?}"
        );
        let now = view(&api, &sandbox).await?;
        ensure!(
            now["state"] == "running" && now["cause"].is_object(),
            "with {room_kib} KiB: {now}"
        );
        fs::remove_file(&filler)?;
        witness.testify(&api, &sandbox).await?;
        let left = entries(store)?;
        ensure!(left == before, "with {room_kib} KiB it left {left:?}");
    }
    act(&api, &sandbox, "pause").await?;
    act(&api, &sandbox, "resume").await?;
    witness.testify(&api, &sandbox).await?;
    api.kill(&sandbox).await
}

/// Leaves just this much room.
fn fill(filler: &Path, store: &Path, room_kib: u64) -> Result<()> {
    let stat = rustix::fs::statvfs(store)?;
    let free = stat.f_bavail * stat.f_frsize;
    let file = fs::File::create(filler)?;
    let bytes = free.saturating_sub(room_kib << 10);
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)
        .context("cannot fill the store")
}

fn entries(store: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(store)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.retain(|name| name != "filler");
    names.sort();
    Ok(names)
}
