//! Sandboxes that are paused when their time is over, and resumed when somebody wants something of them.

use anyhow::{Result, ensure};
use hyper::{Method, StatusCode};
use roost_schemas::SandboxId;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use roost_schemas::token::TokenKey;
use serde_json::{Value, json};
use xtask::stack::Stack;

use super::witness::Witness;
use super::{act, settled, view};
use crate::harness::with_stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_sleeps_when_its_time_is_over_and_wakes_on_demand() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api
            .create(&json!({
                "template": "minimal", "timeout_sec": 60, "on_timeout": "pause", "auto_resume": true,
            }))
            .await?
            .id;
        let mut witness = Witness::start(&api, &sandbox).await?;

        falls_asleep(stack, &sandbox).await?;
        witness.testify(&api, &sandbox).await?;
        let now = view(&api, &sandbox).await?;
        ensure!(now["state"] == "running" && now["generation"] == 2, "{now}");

        falls_asleep(stack, &sandbox).await?;
        request_to_its_agent(stack, &sandbox, "wrong", StatusCode::FORBIDDEN).await?;
        assert_eq!(
            view(&api, &sandbox).await?["state"],
            "paused",
            "a stranger wakes nobody"
        );
        let key: TokenKey = stack.state().token_key().parse()?;
        let token = key.access(&SandboxId::new(&sandbox)?);
        request_to_its_agent(stack, &sandbox, &token, StatusCode::OK).await?;
        witness.testify(&api, &sandbox).await?;
        assert_eq!(view(&api, &sandbox).await?["generation"], 3);
        api.kill(&sandbox).await
    })
    .await
}

/// Lets its time be over.
async fn falls_asleep(stack: &Stack, sandbox: &str) -> Result<()> {
    let api = stack.api();
    let path = format!("/v1/sandboxes/{sandbox}/timeout");
    let answer = api.send(Method::POST, &path, &json!({"timeout_sec": 1})).await?;
    ensure!(answer.status.is_success(), "{answer:?}");
    let paused = settled(&api, sandbox, &["paused"]).await?;
    ensure!(paused["expires_at"].is_null(), "{paused}");
    Ok(())
}

async fn request_to_its_agent(stack: &Stack, sandbox: &str, token: &str, status: StatusCode) -> Result<()> {
    let headers = [
        ("content-type", "application/json"),
        ("e2b-sandbox-id", sandbox),
        (ACCESS_TOKEN_HEADER, token),
    ];
    let path = "/process.Process/List";
    let answer = stack.api().send_raw(Method::POST, path, &headers, "{}").await?;
    answer.expect(status).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_not_to_be_woken_sleeps_on() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        act(&api, &sandbox, "pause").await?;
        let exec = json!({"cmd": "true"});
        let path = format!("/v1/sandboxes/{sandbox}/exec");
        let refused = api.send(Method::POST, &path, &exec).await?;
        assert_eq!(refused.error_code().as_deref(), Some("invalid_state"));
        // Asked for what is so already, nothing happens, but that it was asked is on record.
        let mut before = view(&api, &sandbox).await?;
        let again = act(&api, &sandbox, "pause").await?;
        for told in ["sequence", "updated_at"] {
            before[told] = again[told].clone();
        }
        assert_eq!(again, before);
        // Its end needs no VM.
        api.kill(&sandbox).await?;
        let path = format!("/v1/sandboxes/{sandbox}/resume");
        let refused = api.send(Method::POST, &path, &Value::Null).await?;
        assert_eq!(refused.error_code().as_deref(), Some("invalid_state"));
        Ok(())
    })
    .await
}
