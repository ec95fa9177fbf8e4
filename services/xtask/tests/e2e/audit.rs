//! Programs that clients start through a sandbox's agent: the log has their start and their end, whatever becomes of us.

use std::time::Duration;

use anyhow::{Context, Result};
use connectrpc::client::{ClientConfig, HttpClient};
use hyper::{Method, StatusCode};
use roost_schemas::SandboxId;
use roost_schemas::envd::process::{ProcessClient, ProcessConfig, StartRequest, StartResponse};
use roost_schemas::envd::{ACCESS_TOKEN_HEADER, PORT};
use roost_schemas::token::TokenKey;
use serde_json::{Value, json};
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;
use crate::restart::{eventually, kill};

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_start_through_the_agent_is_in_the_log_to_its_end() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        the_whole_of_it_is_recorded(stack, &sandbox).await?;
        an_end_is_not_missed_while_the_host_is_away(stack, &sandbox).await?;
        a_start_waits_for_a_log_that_is_away(stack, &sandbox).await?;
        api.kill(&sandbox).await
    })
    .await
}

async fn the_whole_of_it_is_recorded(stack: &Stack, sandbox: &str) -> Result<()> {
    run(stack, sandbox, "echo out; echo err >&2; exit 7", true).await?;
    let (started, exited) = eventually("the end is recorded", async || {
        recorded(stack, sandbox, "exit 7").await
    })
    .await?;
    assert_eq!(
        (&started["origin"], &started["cmd"]),
        (&json!("agent"), &json!("/bin/sh")),
        "{started}"
    );
    assert!(
        started["cwd"].is_string() && started["user"].is_string(),
        "{started}"
    );
    assert_eq!(exited["status"], json!({"how": "exited", "code": 7}), "{exited}");
    assert_eq!(
        (&exited["stdout_bytes"], &exited["stderr_bytes"]),
        (&json!(4), &json!(4)),
        "{exited}"
    );
    Ok(())
}

async fn an_end_is_not_missed_while_the_host_is_away(stack: &Stack, sandbox: &str) -> Result<()> {
    run(stack, sandbox, "sleep 1; exit 5", false).await?;
    kill(stack, Role::Host).await?;
    let (_, exited) = eventually("the end is recorded after all", async || {
        recorded(stack, sandbox, "exit 5").await
    })
    .await?;
    assert_eq!(exited["status"], json!({"how": "exited", "code": 5}), "{exited}");
    Ok(())
}

async fn a_start_waits_for_a_log_that_is_away(stack: &Stack, sandbox: &str) -> Result<()> {
    // The gateway finds its way without the log; the start does not happen without it.
    let (killed, ran) = tokio::join!(kill(stack, Role::Log), run(stack, sandbox, "exit 6", true));
    killed?;
    ran?;
    let (_, exited) = eventually("it is recorded", async || {
        recorded(stack, sandbox, "exit 6").await
    })
    .await?;
    assert_eq!(exited["status"], json!({"how": "exited", "code": 6}), "{exited}");
    Ok(())
}

/// Runs a script as a client of the data plane does, to its end or only to its start.
async fn run(stack: &Stack, sandbox: &str, script: &str, to_its_end: bool) -> Result<()> {
    let tokens: TokenKey = stack.state().token_key().parse()?;
    let config = ClientConfig::new(format!("http://{}", stack.gateway()).parse()?)
        .json()
        .with_default_header("e2b-sandbox-id", sandbox)
        .with_default_header("e2b-sandbox-port", PORT.to_string())
        .with_default_header(ACCESS_TOKEN_HEADER, tokens.access(&SandboxId::new(sandbox)?));
    let client = ProcessClient::new(HttpClient::plaintext(), config);
    let process = ProcessConfig {
        cmd: "/bin/sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        ..ProcessConfig::default()
    };
    let request = StartRequest {
        process: process.into(),
        ..StartRequest::default()
    };
    let mut events = client.start(request).await?;
    let follow = async {
        while events.message::<StartResponse>().await?.is_some() && to_its_end {}
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_mins(1), follow).await?
}

/// The start and the end of the program whose words contain `word`.
async fn recorded(stack: &Stack, sandbox: &str, word: &str) -> Result<(Value, Value)> {
    let path = format!("/v1/sandboxes/{sandbox}/events?limit=1000");
    let page: Value = stack
        .api()
        .send(Method::GET, &path, &Value::Null)
        .await?
        .read(StatusCode::OK)?;
    let events = page["events"].as_array().context("a list")?;
    let find = |kind: &str, fits: &dyn Fn(&Value) -> bool| {
        let found = events
            .iter()
            .find(|event| event["type"] == kind && fits(&event["data"]));
        found
            .map(|event| event["data"].clone())
            .with_context(|| format!("no {kind} in {page}"))
    };
    let started = find("process_started", &|data| data["args"].to_string().contains(word))?;
    let exited = find("process_exited", &|data| data["process"] == started["process"])?;
    Ok((started, exited))
}
