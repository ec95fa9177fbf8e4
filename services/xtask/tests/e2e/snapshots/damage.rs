//! Snapshots that are damaged in the store: refused before anything runs, and nobody else's trouble.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::stack::Stack;

use super::witness::Witness;
use super::{act, engine, in_store, view};
use crate::harness::with_stack;

/// What is done to the folder of a snapshot.
type Damage = fn(&Path) -> std::io::Result<()>;

const DAMAGES: [(&str, Damage); 6] = [
    ("a bit of the memory", |folder| flip(&folder.join("memory.pages"))),
    ("a bit of the drive", |folder| flip(&folder.join("disk.pages"))),
    ("a bit of the manifest", |folder| {
        flip(&folder.join("memory.manifest"))
    }),
    ("half of the device state", |folder| halve(&folder.join("state"))),
    ("the end of the memory", |folder| {
        halve(&folder.join("memory.pages"))
    }),
    ("the whole file", |folder| {
        fs::remove_file(folder.join("memory.pages"))
    }),
];

fn flip(path: &Path) -> std::io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let middle = file.metadata()?.len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle)?;
    file.write_all_at(&[byte[0] ^ 1], middle)
}

fn halve(path: &Path) -> std::io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(file.metadata()?.len() / 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_refused_before_anything_runs() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let bystander = api.create(&request).await?.id;
        let mut witness = Witness::start(&api, &bystander).await?;
        for (what, damage) in DAMAGES {
            let sandbox = api.create(&request).await?.id;
            act(&api, &sandbox, "pause").await?;
            refused(stack, &sandbox, damage).await.context(what)?;
            // It can be got rid of.
            api.kill(&sandbox).await?;
        }
        act(&api, &bystander, "pause").await?;
        act(&api, &bystander, "resume").await?;
        witness.testify(&api, &bystander).await?;
        api.kill(&bystander).await
    })
    .await
}

async fn refused(stack: &Stack, sandbox: &str, damage: Damage) -> Result<()> {
    let api = stack.api();
    let paused = view(&api, sandbox).await?;
    let snapshot = paused["paused_as"].as_str().context("it is paused")?;
    damage(&in_store(stack, snapshot))?;
    for _ in 0..2 {
        let path = format!("/v1/sandboxes/{sandbox}/resume");
        let answer = api.send(Method::POST, &path, &Value::Null).await?;
        ensure!(
            answer.error_code().as_deref() == Some("resume_failed"),
            "{answer:?}"
        );
        let now = view(&api, sandbox).await?;
        ensure!(
            now["state"] == "paused" && now["cause"]["kind"] == "snapshot_unusable",
            "{now}"
        );
        let generation = now["generation"].as_u64().context("a number")?;
        ensure!(!engine(stack, sandbox, generation).exists(), "an engine was made");
    }
    // Nobody else runs from it either.
    let path = format!("/v1/sandboxes/{sandbox}/fork");
    let answer = api.send(Method::POST, &path, &json!({})).await?;
    let forked: Value = answer.read(StatusCode::CREATED)?;
    ensure!(forked["sandboxes"][0]["error"].is_object(), "{forked}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_damaged_template_is_under_is_refused_and_the_template_made_anew() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let sandbox = api.create(&request).await?.id;
        let made = view(&api, &sandbox).await?;
        let boot = made["restored_from"].as_str().context("it was restored")?;
        act(&api, &sandbox, "pause").await?;
        flip(&in_store(stack, boot).join("memory.pages"))?;
        let path = format!("/v1/sandboxes/{sandbox}/resume");
        let answer = api.send(Method::POST, &path, &Value::Null).await?;
        ensure!(
            answer.error_code().as_deref() == Some("resume_failed"),
            "{answer:?}"
        );
        ensure!(view(&api, &sandbox).await?["cause"]["kind"] == "snapshot_unusable");
        // An image can be booted again.
        let another = api.create(&request).await?.id;
        let mut witness = Witness::start(&api, &another).await?;
        act(&api, &another, "pause").await?;
        act(&api, &another, "resume").await?;
        witness.testify(&api, &another).await?;
        api.kill(&another).await?;
        api.kill(&sandbox).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_needs_no_parent_that_is_damaged_unless_the_guest_still_reads_from_it() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let sandbox = api.create(&request).await?.id;
        let mut witness = Witness::start(&api, &sandbox).await?;
        // Each resume makes the last pause the parent of the next.
        let parent = paused_and_resumed(stack, &sandbox).await?;
        flip(&parent.join("disk.pages"))?;
        let alone = paused_and_resumed(stack, &sandbox).await?;
        witness.testify(&api, &sandbox).await?;
        fs::remove_dir_all(&parent)?;

        flip(&alone.join("memory.pages"))?;
        let path = format!("/v1/sandboxes/{sandbox}/pause");
        let answer = api.send(Method::POST, &path, &Value::Null).await?;
        ensure!(
            answer.error_code().as_deref() == Some("pause_failed"),
            "{answer:?}"
        );
        let now = view(&api, &sandbox).await?;
        ensure!(
            now["state"] == "running" && now["cause"]["kind"] == "snapshot_unusable",
            "{now}"
        );
        api.kill(&sandbox).await
    })
    .await
}

/// Where it was kept meanwhile.
async fn paused_and_resumed(stack: &Stack, sandbox: &str) -> Result<PathBuf> {
    let api = stack.api();
    act(&api, sandbox, "pause").await?;
    let paused = view(&api, sandbox).await?;
    let snapshot = paused["paused_as"].as_str().context("it is paused")?;
    act(&api, sandbox, "resume").await?;
    Ok(in_store(stack, snapshot))
}
