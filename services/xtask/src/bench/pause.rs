//! What a pause writes: a first one all that the guest has touched, a second one of an idle sandbox next to nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{filled, table};
use crate::build::Profile;
use crate::client::Api;
use crate::stack::{Ports, Stack, StateFolder};
use crate::{prepare, ui};

/// What the second pause may write, as a part of the first.
const BAR: f64 = 0.10;
/// How long the sandbox idles between resume and pause.
const IDLE: Duration = Duration::from_secs(10);

pub(super) async fn run(cancelled: &CancellationToken) -> Result<()> {
    let parts = prepare::parts(Profile::Release, cancelled).await?;
    let state = StateFolder::temporary("bench")?;
    let met = Stack::with(parts, Ports::free()?, state, cancelled, measure).await?;
    ensure!(met, "bar missed");
    Ok(())
}

async fn measure(stack: &Stack) -> Result<bool> {
    let api = stack.api();
    let sandbox = filled::sandbox(&api).await?;

    ui::heading("Pauses of a sandbox with 512 MiB");
    let mut written = Vec::new();
    for round in 1..=3 {
        let began = Instant::now();
        act(&api, &sandbox, "pause").await?;
        let paused = began.elapsed();
        let bytes = stored(&api, &sandbox).await?;
        let began = Instant::now();
        act(&api, &sandbox, "resume").await?;
        println!(
            "  pause {round}: {:>6} ms, {:>7.1} MiB written; resumed in {:>5} ms",
            paused.as_millis(),
            mib(bytes),
            began.elapsed().as_millis()
        );
        written.push(bytes);
        tokio::time::sleep(IDLE).await;
    }
    api.kill(&sandbox).await?;
    Ok(table::judge(
        "second pause / first, in bytes",
        mib(written[1]) / mib(written[0]),
        BAR,
    ))
}

/// Pauses or resumes.
pub(super) async fn act(api: &Api, sandbox: &str, what: &str) -> Result<()> {
    let path = format!("/v1/sandboxes/{sandbox}/{what}");
    let answer = api.send(Method::POST, &path, &json!({})).await?;
    answer.expect(StatusCode::OK).map(drop)
}

/// Bytes that the last pause added to the store, as the log tells.
async fn stored(api: &Api, sandbox: &str) -> Result<u64> {
    let path = format!("/v1/sandboxes/{sandbox}/events?after=0");
    let page: Value = api
        .send(Method::GET, &path, &Value::Null)
        .await?
        .read(StatusCode::OK)?;
    let events = page["events"].as_array().context("the page has no events")?;
    let paused = events.iter().rev().find(|event| event["type"] == "paused");
    paused
        .and_then(|event| event["data"]["snapshot"]["stored_bytes"].as_u64())
        .context("no pause tells what it stored")
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
