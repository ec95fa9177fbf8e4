//! Processes of ours die, or all are restarted on the same state: what was acknowledged is still there.

mod adopt;
mod timeouts;
mod upgrade;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use xtask::client::Api;
use xtask::leaks::{self, Inventory, Scope};
use xtask::stack::{Ports, Stack, StateFolder};
use xtask::supervise::Role;

use crate::harness::{parts, with_stack};

/// How long a restarted host may take until every sandbox is adopted or declared lost.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// Kills a process of the stack outright and waits until another has taken its place.
pub(crate) async fn kill(stack: &Stack, role: Role) -> Result<()> {
    let process = stack.process(role)?;
    let pid = process.pid().context("it runs")?;
    ensure!(
        Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()?
            .success(),
        "cannot kill {}",
        role.name()
    );
    let replaced = tokio::time::timeout(Duration::from_secs(30), process.replaced(pid)).await;
    replaced
        .with_context(|| format!("the {} did not come back", role.name()))?
        .map(drop)
}

/// Repeats `work` until it succeeds: right after a restart a part may still be away, which is a typed error and worth
/// trying again.
pub(crate) async fn eventually<T>(what: &str, mut work: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    loop {
        match work().await {
            Ok(value) => return Ok(value),
            Err(error) if began.elapsed() > Duration::from_secs(30) => {
                return Err(error.context(what.to_owned()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_host_adopts_its_running_sandbox_or_declares_it_lost() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        let marker = json!({"cmd": "sh", "args": ["-c", "echo here > /tmp/marker"]});
        assert_eq!(api.exec(&sandbox, &marker).await?.exit_code, 0);
        kill(stack, Role::Host).await?;
        let restarted = Instant::now();
        while api.get(&sandbox).await?.state == "running" {
            let look = json!({"cmd": "cat", "args": ["/tmp/marker"], "timeout_sec": 5});
            if let Ok(output) = api.exec(&sandbox, &look).await {
                assert_eq!(output.stdout, "here\n", "the guest was restarted");
                return api.kill(&sandbox).await;
            }
            ensure!(
                restarted.elapsed() < SETTLED_WITHIN,
                "neither adopted nor declared lost"
            );
        }
        assert_eq!(api.get(&sandbox).await?.state, "lost");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_outlives_the_death_of_gateway_reconciler_and_log() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        for role in [Role::Gateway, Role::Reconciler, Role::Log] {
            kill(stack, role).await?;
            let word = role.name();
            let request = json!({"cmd": "echo", "args": [word]});
            let output = eventually(word, async || api.exec(&sandbox, &request).await).await?;
            assert_eq!(output.stdout.trim(), word);
        }
        eventually("kill", async || api.kill(&sandbox).await).await?;
        assert_eq!(api.get(&sandbox).await?.state, "stopped");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_kept_across_a_stop_and_a_start() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("roost-e2e-").tempdir()?;
    let (sandbox, key) = life(folder.path(), async |api| {
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        api.kill(&sandbox).await?;
        Ok(sandbox)
    })
    .await?;
    let (state, same_key) = life(folder.path(), async |api| Ok(api.get(&sandbox).await?.state)).await?;
    assert_eq!(state, "stopped");
    assert_eq!(key, same_key);
    Ok(())
}

/// One run of a stack on a folder that stays.
pub(crate) async fn life<T>(folder: &Path, work: impl AsyncFnOnce(&Api) -> Result<T>) -> Result<(T, String)> {
    let state = StateFolder::open(folder, None)?;
    let key = state.api_key().to_owned();
    let scope = Scope::of(&state);
    let before = Inventory::take(&scope)?;
    let never = CancellationToken::new();
    let result = Stack::with(parts().await?, Ports::free()?, state, &never, async |stack| {
        work(&stack.api()).await
    })
    .await?;
    let left = leaks::left_since(&before, &scope).await?;
    // What the folder keeps is its purpose.
    let left: Vec<_> = left
        .into_iter()
        .filter(|trace| !trace.name.starts_with(&*folder.to_string_lossy()))
        .collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
    Ok((result, key))
}
