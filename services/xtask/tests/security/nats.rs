//! NATS: a tenant's programs, and whoever has stolen a host's credentials, do what is theirs and nothing else.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::client::Request;
use async_nats::{Client, ConnectOptions, HeaderMap, Subscriber};
use futures::StreamExt;
use hyper::{Method, StatusCode};
use roost_schemas::command::header;
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use serde_json::{Value, json};
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;

async fn connect(stack: &Stack, credentials: &std::path::Path) -> Result<Client> {
    let seed = fs::read_to_string(credentials)?;
    let options = ConnectOptions::with_nkey(seed.trim().to_owned());
    Ok(options.connect(stack.nats_url()).await?)
}

/// Sends `body` in the name of a tenant, and returns what comes of it.
async fn command(client: &Client, subject: &str, body: &Value) -> Result<Value> {
    let inbox = format!("roost.reply.default.{}", uuid::Uuid::new_v4().simple());
    let mut answers = client.subscribe(inbox.clone()).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json");
    headers.insert(header::REPLY, inbox.as_str());
    let body = body.to_string().into();
    client
        .publish_with_headers(subject.to_owned(), headers, body)
        .await?;
    let answer = tokio::time::timeout(Duration::from_mins(1), answers.next()).await;
    let answer = answer.context("no answer")?.context("the subscription ended")?;
    Ok(serde_json::from_slice(&answer.payload)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_programs_do_its_work_and_no_more() -> Result<()> {
    with_stack(async |stack| {
        let client = connect(stack, stack.state().tenant()).await?;
        let mut events = client.subscribe("roost.evt.default.sandbox.*").await?;
        client.flush().await?;
        let subject = "roost.cmd.default.any.bytenant1";
        let create = json!({"type": "create", "spec": {"template": "minimal"}});
        let created = command(&client, subject, &create).await?;
        ensure!(created["accepted"].is_object(), "{created}");
        runs(&mut events).await?;
        let exec = json!({"type": "exec", "cmd": "true"});
        let done = command(&client, subject, &exec).await?;
        ensure!(done["accepted"].is_object(), "{done}");
        for (body, says) in [
            (json!({"type": "start", "generation": 1}), "operators"),
            (json!({"type": "host_down", "generation": 1}), "operators"),
            (
                json!({"type": "tenant", "tenant": "default", "change": {"set_limits": {}}}),
                "operators",
            ),
            (json!({"type": "kill", "due": 1}), "operators"),
        ] {
            let refused = command(&client, subject, &body).await?;
            let rejected = &refused["rejected"];
            ensure!(rejected["code"] == "forbidden", "{body}: {refused}");
            ensure!(
                rejected["message"]
                    .as_str()
                    .is_some_and(|text| text.contains(says)),
                "{refused}"
            );
        }
        let page = read(&client, &json!({"sandboxes": ["bytenant1"]})).await?;
        ensure!(
            page["events"].as_array().is_some_and(|all| all.len() > 3),
            "{page}"
        );
        denied(
            stack,
            &client,
            &[
                "roost.cmd.system.any.tenants",
                "roost.cmd.other.any.sb1",
                "roost.evt.default.sandbox.bytenant1",
                "$JS.API.STREAM.INFO.EVENTS",
            ],
        )
        .await?;
        let killed = command(&client, subject, &json!({"type": "kill"})).await?;
        ensure!(killed["accepted"].is_object(), "{killed}");
        too_many_are_refused(stack, &client).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosts_credentials_are_good_for_itself_alone_and_strangers_have_none() -> Result<()> {
    with_stack(async |stack| {
        let strangers = async_nats::connect(stack.nats_url()).await;
        ensure!(strangers.is_err(), "somebody without credentials was let in");
        let file = stack.state().credentials(Role::Host).context("a host has some")?;
        let stolen = connect(stack, file).await?;
        denied(
            stack,
            &stolen,
            &[
                "roost.evt.system.host.another",
                "roost.lease.another",
                "roost.cmd.default.another.sb1",
                "roost.cmd.default.any.sb1",
                "roost.cmd.system.any.tenants",
                "roost.evt.default.tenant.default",
                "$JS.API.STREAM.DELETE.EVENTS",
            ],
        )
        .await
    })
    .await
}

/// A page of the tenant's events, or why not.
async fn read(client: &Client, asked: &Value) -> Result<Value> {
    let headers = [(header::CONTENT_TYPE.parse()?, "application/json".parse()?)];
    let request = Request::new()
        .headers(HeaderMap::from_iter(headers))
        .payload(asked.to_string().into());
    let page = client.send_request("roost.read.default", request).await?;
    Ok(serde_json::from_slice(&page.payload)?)
}

/// Its requests in a second are counted at both doors of NATS, and the limit is named.
async fn too_many_are_refused(stack: &Stack, client: &Client) -> Result<()> {
    let limits = json!({"requests_per_sec": 1});
    let operator = stack.api();
    let set = operator.send(Method::PUT, "/v1/tenants/default/limits", &limits);
    set.await?.expect(StatusCode::OK)?;
    // The second comes within a second of the first, unless the machine is slow beyond measure.
    for tries in 0.. {
        let commanded = command(client, "roost.cmd.default.any.nosuch", &json!({"type": "kill"})).await?;
        let asked = read(client, &json!({})).await?;
        let refused = |answer: &Value| {
            let message = answer["message"].as_str().unwrap_or_default();
            answer["code"] == "limit_exceeded" && message.contains("requests_per_sec is 1")
        };
        if refused(&commanded["rejected"]) && refused(&asked["error"]) {
            break;
        }
        ensure!(tries < 50, "{commanded} {asked}");
    }
    Ok(())
}

/// Waits until a sandbox is told to be running.
async fn runs(events: &mut Subscriber) -> Result<()> {
    let running = async {
        while let Some(event) = events.next().await {
            let commit = Commit::<SandboxEvent>::decode(&event.payload)?;
            let is_running = |event: &SandboxEvent| matches!(event, SandboxEvent::Running(_));
            if commit.events.iter().any(is_running) {
                return Ok(());
            }
        }
        anyhow::bail!("the subscription ended")
    };
    tokio::time::timeout(Duration::from_mins(1), running)
        .await
        .context("nobody tells that it runs")?
}

/// Publishes to each of `subjects`; nats-server denies each, and its log counts them.
async fn denied(stack: &Stack, client: &Client, subjects: &[&str]) -> Result<()> {
    for subject in subjects {
        client.publish((*subject).to_owned(), "x".into()).await?;
    }
    client.flush().await?;
    let mut missing = Vec::new();
    for _ in 0..100 {
        let log = fs::read_to_string(stack.state().log(Role::Log))?;
        let is_told = |subject: &str| {
            let named = format!("\"{subject}\"");
            log.lines()
                .any(|line| line.contains("Publish Violation") && line.contains(&named))
        };
        missing = subjects
            .iter()
            .copied()
            .filter(|subject| !is_told(subject))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("not denied: {missing:?}")
}
