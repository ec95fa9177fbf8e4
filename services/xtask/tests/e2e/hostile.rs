//! Garbage and forgeries on every subject, from whoever reaches nats-server: what is refused has a reason, what is read is
//! passed over, and the sandbox in the midst of it runs on.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use hyper::{Method, StatusCode};
use roost_schemas::command::header;
use serde_json::{Value, json};
use xtask::TENANT;
use xtask::client::Api;
use xtask::stack::Stack;

use crate::harness::with_stack;

/// Bytes that no reader of ours takes for its own.
const GARBAGE: [&[u8]; 5] = [b"", b"\xc1", b"{\"type\":", b"null", &[0xff; 70_000]];

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_runs_on_amid_garbage_and_forgeries() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let client = xtask::nats::operator(stack).await?.client();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        let uptime = uptime(&api, &sandbox).await?;

        commands_are_refused(stack, &client, &sandbox).await?;
        streams_are_passed_over(&client, &sandbox).await?;

        let state = api.get(&sandbox).await?.state;
        assert_eq!(state, "running");
        let later = self::uptime(&api, &sandbox).await?;
        assert!(later >= uptime, "it was started anew: {later} after {uptime}");
        // Nothing of it keeps others from coming and going.
        let second = api.create(&json!({"template": "minimal"})).await?.id;
        for one in [second, sandbox] {
            api.kill(&one).await?;
        }
        Ok(())
    })
    .await
}

/// Seconds since the guest's kernel began.
async fn uptime(api: &Api, sandbox: &str) -> Result<f64> {
    let request = json!({"cmd": "cat", "args": ["/proc/uptime"]});
    let output = api.exec(sandbox, &request).await?;
    let first = output.stdout.split(' ').next().unwrap_or_default().to_owned();
    first.parse().with_context(|| format!("no uptime: {first:?}"))
}

async fn commands_are_refused(stack: &Stack, client: &Client, sandbox: &str) -> Result<()> {
    let api = stack.api();
    let hosts: Value = api
        .send(Method::GET, "/v1/hosts", &Value::Null)
        .await?
        .read(StatusCode::OK)?;
    let host = hosts["hosts"][0]["id"].as_str().context("a host")?.to_owned();
    let events = format!("/v1/sandboxes/{sandbox}/events");
    let before: Value = api
        .send(Method::GET, &events, &Value::Null)
        .await?
        .read(StatusCode::OK)?;

    for route in ["any", &host] {
        let ours = format!("roost.cmd.{TENANT}.{route}.{sandbox}");
        for garbage in GARBAGE {
            let reply = ask(client, &ours, &[], garbage).await?;
            assert_eq!(code(&reply), "invalid_request", "{route}: {reply}");
        }
        // One id twice would be one command to the server.
        let (reserved, broken) = (format!("@{route}"), format!("two words {route}"));
        for (name, value) in [
            (header::COMMAND_ID, reserved.as_str()),
            (header::COMMAND_ID, broken.as_str()),
            (header::DEADLINE, "never"),
            (header::CONTENT_TYPE, "text/html"),
        ] {
            let reply = ask(client, &ours, &[(name, value)], b"{\"type\":\"kill\"}").await?;
            assert_eq!(code(&reply), "invalid_request", "{name} {value}: {reply}");
        }
        for (body, refused) in [
            (json!({"type": "start", "generation": 0}), "invalid_state"),
            (json!({"type": "start", "generation": 9}), "invalid_state"),
            (json!({"type": "host_down", "generation": 1}), "invalid_state"),
            (json!({"type": "host_down", "generation": 0}), "invalid_state"),
        ] {
            let reply = ask(client, &ours, &[], body.to_string().as_bytes()).await?;
            assert_eq!(code(&reply), refused, "{route} {body}: {reply}");
        }
        // Its id is worth nothing to another tenant.
        let theirs = format!("roost.cmd.stranger.{route}.{sandbox}");
        for body in [json!({"type": "kill"}), json!({"type": "exec", "cmd": "true"})] {
            let reply = ask(client, &theirs, &[], body.to_string().as_bytes()).await?;
            assert_eq!(code(&reply), "not_found", "{route} {body}: {reply}");
        }
    }
    let create = json!({"type": "create", "spec": {"template": "minimal"}}).to_string();
    let taken = format!("roost.cmd.stranger.any.{sandbox}");
    let reply = ask(client, &taken, &[], create.as_bytes()).await?;
    assert_eq!(code(&reply), "conflict", "{reply}");
    let late = format!("roost.cmd.{TENANT}.{host}.{sandbox}");
    let reply = ask(
        client,
        &late,
        &[(header::DEADLINE, "1000")],
        b"{\"type\":\"kill\"}",
    )
    .await?;
    assert_eq!(code(&reply), "deadline_exceeded", "{reply}");

    let after: Value = api
        .send(Method::GET, &events, &Value::Null)
        .await?
        .read(StatusCode::OK)?;
    assert_eq!(after, before, "what was refused left a trace");
    Ok(())
}

/// What comes to the inbox of a command in JSON.
async fn ask(client: &Client, subject: &str, extra: &[(&str, &str)], body: &[u8]) -> Result<Value> {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json");
    headers.insert(header::REPLY, inbox.as_str());
    for (name, value) in extra {
        headers.insert(*name, *value);
    }
    let sent = client.publish_with_headers(subject.to_owned(), headers, body.to_vec().into());
    sent.await?;
    let reply = tokio::time::timeout(Duration::from_mins(1), replies.next()).await;
    let reply = reply
        .with_context(|| {
            let body = String::from_utf8_lossy(&body[..body.len().min(80)]);
            format!("no reply to {body:?} with {extra:?} on {subject}")
        })?
        .context("the subscription ended")?;
    Ok(serde_json::from_slice(&reply.payload)?)
}

fn code(reply: &Value) -> &str {
    reply["rejected"]["code"].as_str().unwrap_or("accepted")
}

/// What no command is: written into the streams as they are.
async fn streams_are_passed_over(client: &Client, sandbox: &str) -> Result<()> {
    let context = async_nats::jetstream::new(client.clone());
    for subject in [
        format!("roost.evt.{TENANT}.sandbox.never1"),
        "roost.evt.stranger.host.never2".to_owned(),
        format!("roost.evt.{TENANT}.sandbox.Not-An-Id"),
        "roost.evt.of.another.shape.altogether".to_owned(),
        format!("roost.out.{TENANT}.{sandbox}.p1"),
        format!("roost.out.{TENANT}.{sandbox}.Not-A-Process!"),
        "roost.lease.never3".to_owned(),
        "roost.lease.Not-A-Host".to_owned(),
    ] {
        for garbage in GARBAGE {
            let sent = context.publish(subject.clone(), garbage.to_vec().into()).await?;
            sent.await.with_context(|| format!("{subject} is not kept"))?;
        }
    }
    Ok(())
}
