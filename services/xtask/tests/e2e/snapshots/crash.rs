//! `kill -9` of the host at every step of a pause, a resume and a snapshot, and of the others meanwhile: what was is
//! there, or what was to be.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use roost_runtime::crash;
use serde_json::{Value, json};
use xtask::client::Api;
use xtask::leaks::{Inventory, Kind, Scope};
use xtask::stack::Stack;
use xtask::supervise::Role;

use super::witness::Witness;
use super::{act, settled};
use crate::harness::{parts, with_parts, with_stack};
use crate::restart::{eventually, kill};

/// Runs `work` on a stack whose host ends itself wherever the second argument, a file, says.
async fn with_crashes(work: impl AsyncFnOnce(&Stack, &PathBuf) -> Result<()>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("at");
    let mut parts = parts().await?;
    let at = file.display().to_string();
    parts.host_env.push((crash::VARIABLE.to_owned(), at));
    with_parts(parts, async |stack| work(stack, &file).await).await
}

/// Those of one kind of step.
fn points(prefix: &str) -> impl Iterator<Item = &'static str> {
    let points = crash::POINTS.into_iter();
    points.filter(move |point| point.starts_with(prefix))
}

/// Asks for `what` and has the host die at `point` meanwhile; whoever asked may never hear of it.
async fn crash_at(stack: &Stack, file: &PathBuf, point: &str, sandbox: &str, what: &str) -> Result<()> {
    let host = stack.process(Role::Host)?;
    let pid = host.pid().context("it runs")?;
    fs::write(file, point)?;
    let api = stack.api();
    let path = format!("/v1/sandboxes/{sandbox}/{what}");
    let asked = tokio::spawn(async move { api.send(Method::POST, &path, &Value::Null).await });
    let replaced = tokio::time::timeout(Duration::from_mins(1), host.replaced(pid)).await;
    replaced.with_context(|| format!("the host did not die at {point}, or did not come back"))??;
    ensure!(!file.exists(), "it died elsewhere than at {point}");
    asked.abort();
    Ok(())
}

/// Waits until there are as many engines as sandboxes that run, and nothing else of theirs.
async fn only_engines(stack: &Stack, count: usize) -> Result<()> {
    let scope = Scope::of(stack.state());
    let mut traces = Vec::new();
    for _ in 0..100 {
        let inventory = Inventory::take(&scope)?;
        traces = inventory.since(&Inventory::default());
        let of = |word: &str| {
            traces
                .iter()
                .filter(|trace| trace.kind == Kind::Process && trace.name.contains(word))
                .count()
        };
        if of("roost-qemu ") == count && of("roost-pager ") == count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let processes: Vec<_> = traces
        .iter()
        .filter(|trace| trace.kind == Kind::Process)
        .collect();
    anyhow::bail!("not {count} engines with their pagers: {processes:#?}")
}

async fn started(api: &Api) -> Result<(String, Witness)> {
    let request = json!({"template": "minimal", "timeout_sec": 3600});
    let sandbox = api.create(&request).await?.id;
    let witness = Witness::start(api, &sandbox).await?;
    Ok((sandbox, witness))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_step_of_a_pause_leaves_it_running_or_paused() -> Result<()> {
    with_crashes(async |stack, file| {
        let api = stack.api();
        let (sandbox, mut witness) = started(&api).await?;
        for point in points("pause.") {
            crash_at(stack, file, point, &sandbox, "pause").await?;
            let now = settled(&api, &sandbox, &["running", "paused"]).await?;
            println!("{point}: {}", now["state"]);
            if now["state"] == "paused" {
                only_engines(stack, 0).await?;
                act(&api, &sandbox, "resume").await?;
            }
            witness.testify_after_a_crash(&api, &sandbox).await?;
            only_engines(stack, 1).await?;
        }
        act(&api, &sandbox, "pause").await?;
        act(&api, &sandbox, "resume").await?;
        witness.testify(&api, &sandbox).await?;
        api.kill(&sandbox).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_step_of_a_resume_leaves_it_paused_or_running() -> Result<()> {
    with_crashes(async |stack, file| {
        let api = stack.api();
        let (sandbox, mut witness) = started(&api).await?;
        for point in points("restore.") {
            act(&api, &sandbox, "pause").await?;
            crash_at(stack, file, point, &sandbox, "resume").await?;
            let now = settled(&api, &sandbox, &["running", "paused"]).await?;
            println!("{point}: {}", now["state"]);
            if now["state"] == "paused" {
                only_engines(stack, 0).await?;
                act(&api, &sandbox, "resume").await?;
            }
            witness.testify_after_a_crash(&api, &sandbox).await?;
            only_engines(stack, 1).await?;
        }
        api.kill(&sandbox).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_step_of_a_snapshot_leaves_its_source_running() -> Result<()> {
    with_crashes(async |stack, file| {
        let api = stack.api();
        let (sandbox, mut witness) = started(&api).await?;
        for point in points("snapshot.") {
            crash_at(stack, file, point, &sandbox, "fork").await?;
            settled(&api, &sandbox, &["running"]).await?;
            println!("{point}");
            witness.testify_after_a_crash(&api, &sandbox).await?;
        }
        for child in super::fork(&api, &sandbox, &Value::Null).await? {
            witness.clone().testify_after_a_crash(&api, &child).await?;
            api.kill(&child).await?;
        }
        // Requests of which nobody waits for the answer may still have made children.
        for left in api.list().await? {
            api.kill(&left.id).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_else_is_killed_meanwhile_it_is_paused_and_resumed_in_the_end() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let (sandbox, mut witness) = started(&api).await?;
        for role in [Role::Log, Role::Gateway, Role::Reconciler] {
            for (what, state) in [("pause", "paused"), ("resume", "running")] {
                let path = format!("/v1/sandboxes/{sandbox}/{what}");
                // Whoever asked may be told that the log is away, or nothing.
                let asked = api.send(Method::POST, &path, &Value::Null);
                let (_, killed) = tokio::join!(asked, kill(stack, role));
                killed?;
                eventually(what, async || act(&api, &sandbox, what).await).await?;
                settled(&api, &sandbox, &[state]).await?;
            }
            witness.testify_after_a_crash(&api, &sandbox).await?;
        }
        eventually("kill", async || api.kill(&sandbox).await).await
    })
    .await
}
