//! Commands published by hand on NATS subjects, as the README shows it.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use roost_schemas::command::header;
use serde_json::{Value, json};
use tokio::process::Command;
use xtask::TENANT;
use xtask::stack::Stack;
use xtask::{process, repository};

use crate::harness::with_stack;
use crate::install;

/// Publishes `body` as a command about `sandbox` and returns what comes to the reply inbox.
async fn command(client: &Client, sandbox: &str, extra: &[(&str, &str)], body: &str) -> Result<Value> {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json");
    headers.insert(header::REPLY, inbox.as_str());
    for (name, value) in extra {
        headers.insert(*name, *value);
    }
    let subject = format!("roost.cmd.{TENANT}.any.{sandbox}");
    client
        .publish_with_headers(subject, headers, body.to_owned().into())
        .await?;
    client.flush().await?;
    let reply = tokio::time::timeout(Duration::from_mins(1), replies.next()).await;
    let reply = reply
        .context("no reply within a minute")?
        .context("the subscription ended")?;
    Ok(serde_json::from_slice(&reply.payload)?)
}

async fn wait_for(stack: &Stack, sandbox: &str, state: &str) -> Result<()> {
    let reached = async {
        while stack.api().get(sandbox).await.is_ok_and(|one| one.state != state) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reached)
        .await
        .with_context(|| format!("{sandbox} never {state}"))?;
    assert_eq!(stack.api().get(sandbox).await?.state, state);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_is_made_used_and_ended_by_messages_alone() -> Result<()> {
    with_stack(async |stack| {
        let client = xtask::nats::operator(stack).await?.client();
        let create = json!({"type": "create", "spec": {"template": "minimal"}}).to_string();
        let reply = command(&client, "byhand1", &[(header::COMMAND_ID, "hand-1")], &create).await?;
        assert!(
            reply["accepted"]["sequence"]
                .as_u64()
                .is_some_and(|sequence| sequence > 0),
            "{reply}"
        );
        wait_for(stack, "byhand1", "running").await?;

        let exec = json!({"type": "exec", "cmd": "true"}).to_string();
        let reply = command(&client, "byhand1", &[(header::COMMAND_ID, "hand-2")], &exec).await?;
        assert!(reply["accepted"].is_object(), "{reply}");

        let kill = json!({"type": "kill"}).to_string();
        let reply = command(&client, "byhand1", &[], &kill).await?;
        assert!(reply["accepted"].is_object(), "{reply}");
        wait_for(stack, "byhand1", "stopped").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_make_no_sense_or_come_late_are_rejected_in_their_inbox() -> Result<()> {
    with_stack(async |stack| {
        let client = xtask::nats::operator(stack).await?.client();
        let code = |reply: &Value| reply["rejected"]["code"].as_str().unwrap_or_default().to_owned();
        let broken = command(&client, "byhand1", &[], "{\"type\":").await?;
        assert_eq!(code(&broken), "invalid_request", "{broken}");
        let unknown = json!({"type": "create", "spec": {"template": "nosuch"}}).to_string();
        let unknown = command(&client, "byhand1", &[], &unknown).await?;
        assert_eq!(code(&unknown), "not_found", "{unknown}");
        let create = json!({"type": "create", "spec": {"template": "minimal"}}).to_string();
        let late = command(&client, "byhand1", &[(header::DEADLINE, "1000")], &create).await?;
        assert_eq!(code(&late), "deadline_exceeded", "{late}");
        let nobody = command(&client, "byhand1", &[], &json!({"type": "kill"}).to_string()).await?;
        assert_eq!(code(&nobody), "not_found", "{nobody}");
        assert!(stack.api().list().await?.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_example_in_messagepack_works() -> Result<()> {
    let installed = install::nats().await?;
    let page = std::fs::read_to_string(repository::root().join("docs/nats.md"))?;
    let (_, rest) = page
        .split_once("```python\n")
        .context("docs/nats.md has an example")?;
    let (example, _) = rest.split_once("```").context("it ends")?;
    with_stack(async |stack| {
        let mut command = Command::new("python3");
        command
            .args(["-B", "-c", example])
            .env("PYTHONPATH", &installed)
            .env("ROOST_NATS", stack.nats_url())
            .env("ROOST_NKEY", stack.state().tenant());
        let said = tokio::time::timeout(Duration::from_mins(2), process::run(&mut command)).await;
        let said = said.context("it takes too long")??;
        assert!(said.contains("tenant:default ['requested', 'placed']"), "{said}");
        assert!(said.contains("events up to"), "{said}");
        wait_for(stack, "packed1", "stopped").await
    })
    .await
}
