//! Events followed while everything that tells them dies: none is missing, none comes twice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use hyper::{Method, StatusCode};
use roost_schemas::command::header;
use serde_json::{Value, json};
use xtask::client::Api;
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;
use crate::restart::{eventually, kill};

/// What a follower has been told.
type Told = Arc<Mutex<Vec<Value>>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_misses_nothing_whoever_dies() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let told = Told::default();
        let following = tokio::spawn(follow(stack.api(), Arc::clone(&told)));
        let create = json!({"template": "minimal", "metadata": {"owner": "ci"}});
        let sandbox = api.create(&create).await?.id;
        for role in [Role::Gateway, Role::Log, Role::Gateway] {
            let echo = json!({"cmd": "echo", "args": ["a"]});
            eventually(
                &format!("a program runs before the {} dies", role.name()),
                async || api.exec(&sandbox, &echo).await,
            )
            .await?;
            kill(stack, role).await?;
        }
        eventually("it ends", async || api.kill(&sandbox).await).await?;
        let log = pages(&api, "/v1/events?tenant=*").await?;
        let last = log.last().context("much has happened")?;
        eventually("the follower has all", async || {
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            ensure!(told.contains(last), "it has {} of {}", told.len(), log.len());
            Ok(())
        })
        .await?;
        following.abort();
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // More may have happened since.
        told.truncate(log.len());
        assert_eq!(told, log, "in order, and each once");

        let own = pages(&api, &format!("/v1/sandboxes/{sandbox}/events")).await?;
        assert_eq!(own.last().context("it has ended")?["type"], "stopped");
        let labelled = pages(&api, "/v1/events?metadata.owner=ci").await?;
        assert_eq!(labelled, own);
        what_is_read_over_nats_is_the_same(stack, &sandbox, &own).await
    })
    .await
}

async fn what_is_read_over_nats_is_the_same(stack: &Stack, sandbox: &str, own: &[Value]) -> Result<()> {
    let client = xtask::nats::operator(stack).await?.client();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json");
    let read = json!({"sandboxes": [sandbox], "limit": 1000, "wait_ms": 1000});
    let subject = format!("roost.read.{}", xtask::TENANT);
    let answer = client.request_with_headers(subject, headers, read.to_string().into());
    let page: Value = serde_json::from_slice(&answer.await?.payload)?;
    assert_eq!(page["events"], json!(own), "{page}");
    Ok(())
}

/// Follows everybody's events, again and again from where it was.
async fn follow(api: Api, told: Told) {
    let mut after = 0;
    loop {
        // What broke is begun anew: that is what is tested.
        let _ = follow_once(&api, &mut after, &told).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn follow_once(api: &Api, after: &mut u64, told: &Told) -> Result<()> {
    let mut socket = api
        .socket(&format!("/v1/events?tenant=*&after={after}"), &[])
        .await?;
    let mut commit = Vec::new();
    while let Some(frame) = socket.next::<Value>().await? {
        if frame["subject"].is_null() {
            continue;
        }
        let whole = frame["more"].is_null();
        let sequence = frame["sequence"].as_u64().context("a number")?;
        commit.push(frame);
        if whole {
            *after = sequence;
            told.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut commit);
        }
    }
    Ok(())
}

/// All events that a path has, page by page.
async fn pages(api: &Api, path: &str) -> Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), 0);
    let sign = if path.contains('?') { '&' } else { '?' };
    loop {
        let path = format!("{path}{sign}limit=7&after={after}");
        let answer = api.send(Method::GET, &path, &Value::Null).await?;
        let page: Value = answer.read(StatusCode::OK)?;
        all.extend(page["events"].as_array().context("a list")?.iter().cloned());
        after = page["next_after"].as_u64().context("a number")?;
        if page["more"] == json!(false) {
            return Ok(all);
        }
    }
}
