//! Webhooks: everything is told, in order and signed, whoever dies meanwhile; what cannot be told is put aside.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::stack::{Stack, Terms};
use xtask::supervise::Role;
use xtask::target::{Manner, Target};

use crate::harness::{parts, with_parts};
use crate::restart::{eventually, kill};

/// Seconds for which these stacks try what a target refuses.
const PATIENCE_SEC: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_told_in_order_whoever_dies_meanwhile() -> Result<()> {
    let mut parts = parts().await?;
    parts.webhooks = Terms {
        allow_targets: vec!["127.0.0.0/8".to_owned()],
        patience_sec: Some(PATIENCE_SEC),
    };
    with_parts(parts, async |stack| {
        let target = Target::start().await?;
        let webhook = make(stack, &json!({"url": target.url()})).await?;
        let secret = text(&webhook, "secret")?;
        let sandbox = a_life_is_told_across_deaths(stack, &target, secret).await?;
        let id = text(&webhook, "id")?;
        what_is_refused_is_put_aside_and_told_when_asked_for(stack, &target, id).await?;
        ensure!(target.sequences(&sandbox).is_sorted(), "out of order");
        a_deleted_webhook_is_told_nothing(stack, &target, id).await
    })
    .await
}

/// A sandbox lives while the teller and the log are killed.
async fn a_life_is_told_across_deaths(stack: &Stack, target: &Target, secret: &str) -> Result<String> {
    let api = stack.api();
    let sandbox = api
        .create(&json!({"template": "minimal", "metadata": {"owner": "e2e"}}))
        .await?
        .id;
    for (round, role) in [Role::Webhooks, Role::Log, Role::Webhooks]
        .into_iter()
        .enumerate()
    {
        let request = json!({"cmd": "echo", "args": [round.to_string()]});
        eventually("an exec", async || api.exec(&sandbox, &request).await).await?;
        kill(stack, role).await?;
    }
    eventually("its end", async || api.kill(&sandbox).await).await?;
    told(stack, target, &sandbox).await?;
    for taken in target.taken() {
        taken.verify(secret)?;
        ensure!(
            taken.body["metadata"]["owner"] == "e2e",
            "whose it is: {}",
            taken.body
        );
    }
    Ok(sandbox)
}

async fn what_is_refused_is_put_aside_and_told_when_asked_for(
    stack: &Stack,
    target: &Target,
    webhook: &str,
) -> Result<()> {
    let api = stack.api();
    let sandbox = api
        .create(&json!({"template": "minimal", "metadata": {"owner": "e2e"}}))
        .await?
        .id;
    told(stack, target, &sandbox).await?;
    target.treats(|_| Manner::Refuse(StatusCode::SERVICE_UNAVAILABLE, None));
    api.kill(&sandbox).await?;
    let path = format!("/v1/webhooks/{webhook}/dead-letters");
    let missing = sequences(stack, &sandbox).await?.len() - target.sequences(&sandbox).len();
    let letters = eventually("what is refused is put aside", async || {
        let page: Value = api
            .send(Method::GET, &path, &Value::Null)
            .await?
            .read(StatusCode::OK)?;
        let letters = page["dead_letters"].as_array().context("a list")?.clone();
        ensure!(letters.len() == missing, "{letters:?}");
        Ok(letters)
    })
    .await?;
    target.treats(|_| Manner::Take);
    for letter in &letters {
        ensure!(letter["reason"].to_string().contains("503"), "{letter}");
        let again = format!("{path}/{}/redeliver", letter["sequence"]);
        api.send(Method::POST, &again, &Value::Null)
            .await?
            .expect(StatusCode::ACCEPTED)?;
    }
    told(stack, target, &sandbox).await?;
    eventually("none is left", async || {
        let page: Value = api
            .send(Method::GET, &path, &Value::Null)
            .await?
            .read(StatusCode::OK)?;
        ensure!(page["dead_letters"] == json!([]), "{page}");
        Ok(())
    })
    .await
}

async fn a_deleted_webhook_is_told_nothing(stack: &Stack, target: &Target, webhook: &str) -> Result<()> {
    let path = format!("/v1/webhooks/{webhook}");
    let deleted = stack.api().send(Method::DELETE, &path, &Value::Null).await?;
    deleted.expect(StatusCode::NO_CONTENT)?;
    // What is on its way when it is deleted may still come; a moment later nothing does.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = target.taken().len();
    let sandbox = stack.api().create(&json!({"template": "minimal"})).await?.id;
    stack.api().kill(&sandbox).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    ensure!(target.taken().len() == before);
    Ok(())
}

/// Waits until `target` was told all that the log has of `sandbox`, and fails if that was not in order.
async fn told(stack: &Stack, target: &Target, sandbox: &str) -> Result<()> {
    eventually("all of it is told", async || {
        let expected = sequences(stack, sandbox).await?;
        let told = target.sequences(sandbox);
        ensure!(told.len() == expected.len(), "{told:?} of {expected:?}");
        Ok(())
    })
    .await?;
    let mut told = target.sequences(sandbox);
    told.sort_unstable();
    ensure!(told == sequences(stack, sandbox).await?, "{told:?}");
    Ok(())
}

/// Where the commits of `sandbox` stand.
async fn sequences(stack: &Stack, sandbox: &str) -> Result<Vec<u64>> {
    let path = format!("/v1/sandboxes/{sandbox}/events?limit=1000");
    let page: Value = stack
        .api()
        .send(Method::GET, &path, &Value::Null)
        .await?
        .read(StatusCode::OK)?;
    let events = page["events"].as_array().context("a list")?;
    let mut sequences: Vec<_> = events
        .iter()
        .filter_map(|event| event["sequence"].as_u64())
        .collect();
    sequences.dedup();
    Ok(sequences)
}

async fn make(stack: &Stack, webhook: &Value) -> Result<Value> {
    let made = stack.api().send(Method::POST, "/v1/webhooks", webhook).await?;
    made.read(StatusCode::CREATED)
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field]
        .as_str()
        .with_context(|| format!("no {field} in {value}"))
}
