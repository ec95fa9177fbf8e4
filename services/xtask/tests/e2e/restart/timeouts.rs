//! Ends of time, while those who bring them about are killed again and again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::Api;
use xtask::supervise::Role;

use super::{eventually, kill};
use crate::harness::with_stack;
use crate::snapshots::{settled, view};

#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_over_once_and_never_early_whoever_dies_meanwhile() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let create = async |on_timeout: &str, timeout_sec: u32| {
            let spec = json!({"template": "minimal", "timeout_sec": timeout_sec, "on_timeout": on_timeout});
            anyhow::Ok(api.create(&spec).await?.id)
        };
        let due_of = async |sandbox: &str| {
            let due = view(&api, sandbox).await?["expires_at"].clone();
            due.as_str().map(str::to_owned).context("an end of its time")
        };
        let extended = create("kill", 20).await?;
        let path = format!("/v1/sandboxes/{extended}/timeout");
        let more = json!({"timeout_sec": 600});
        let answer = api.send(Method::POST, &path, &more).await?;
        answer.expect(StatusCode::OK)?;
        let killed = create("kill", 20).await?;
        let killed_due = due_of(&killed).await?;
        let paused = create("pause", 20).await?;
        let paused_due = due_of(&paused).await?;
        for _ in 0..4 {
            for role in [Role::Reconciler, Role::Host, Role::Gateway] {
                kill(stack, role).await?;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        eventually("the ends", async || {
            settled(&api, &killed, &["stopped"]).await?;
            settled(&api, &paused, &["paused"]).await
        })
        .await?;
        once_in_time(&api, &killed, "stopping", &killed_due).await?;
        once_in_time(&api, &paused, "pausing", &paused_due).await?;
        assert_eq!(api.get(&extended).await?.state, "running", "it has more time");
        for left in [paused, extended] {
            eventually("the kill", async || api.kill(&left).await).await?;
        }
        Ok(())
    })
    .await
}

/// Checks in the log that `end` stands there once, because the time was over, and not before it was `due`.
async fn once_in_time(api: &Api, sandbox: &str, end: &str, due: &str) -> Result<()> {
    let path = format!("/v1/sandboxes/{sandbox}/events?limit=1000");
    let page: Value = api
        .send(Method::GET, &path, &Value::Null)
        .await?
        .read(StatusCode::OK)?;
    let events = page["events"].as_array().context("a list")?;
    let of = |kind: &str| -> Vec<&Value> { events.iter().filter(|event| event["type"] == kind).collect() };
    // A pause in the midst of which its host is killed may fail, and is then tried again.
    let (ends, failed) = (of(end), of("pause_failed"));
    ensure!(ends.len() == 1 + failed.len(), "{page:#}");
    assert_eq!(ends[0]["data"]["reason"], "timed_out", "{page:#}");
    let at = ends[0]["at"].as_str().context("a time")?;
    // Both are written alike, so their order is that of time.
    ensure!(at.len() == due.len() && at >= due, "due at {due}: {page:#}");
    Ok(())
}
