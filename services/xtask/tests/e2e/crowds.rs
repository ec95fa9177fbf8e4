//! Many at once in one sandbox: each gets its own, and what is too much is refused in words.

use anyhow::{Result, ensure};
use futures::StreamExt;
use hyper::Method;
use roost_schemas::SandboxId;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use roost_schemas::token::TokenKey;
use serde_json::{Value, json};
use xtask::stack::Stack;

use crate::harness::with_stack;

/// Programs at once.
const PROGRAMS: usize = 100;
/// Watchers that are asked for, far more than an agent gives.
const WATCHERS: usize = 10_000;
/// Requests under way at a time.
const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_programs_and_of_watchers_does_not_overwhelm_a_sandbox() -> Result<()> {
    with_stack(async |stack| {
        let sandbox = stack.api().create(&json!({"template": "minimal"})).await?.id;
        a_hundred_programs_get_their_own_output(stack, &sandbox).await?;
        watchers_beyond_the_bound_are_refused(stack, &sandbox).await?;
        a_hundred_programs_get_their_own_output(stack, &sandbox).await?;
        stack.api().kill(&sandbox).await
    })
    .await
}

async fn a_hundred_programs_get_their_own_output(stack: &Stack, sandbox: &str) -> Result<()> {
    let api = stack.api();
    let runs = (0..PROGRAMS).map(async |number| {
        let word = format!("number {number}");
        let output = api
            .exec(
                sandbox,
                &json!({"cmd": "echo", "args": [word], "timeout_sec": 120}),
            )
            .await?;
        ensure!(
            output.stdout == format!("{word}\n") && output.exit_code == 0,
            "program {number}: {output:?}"
        );
        Ok(())
    });
    futures::future::try_join_all(runs).await.map(drop)
}

async fn watchers_beyond_the_bound_are_refused(stack: &Stack, sandbox: &str) -> Result<()> {
    let tokens: TokenKey = stack.state().token_key().parse()?;
    let access = tokens.access(&SandboxId::new(sandbox)?);
    let api = stack.api();
    let ask = async || {
        let headers = [
            ("content-type", "application/json"),
            ("e2b-sandbox-id", sandbox),
            (ACCESS_TOKEN_HEADER, &access),
        ];
        let path = "/filesystem.Filesystem/CreateWatcher";
        let answer = api
            .send_raw(Method::POST, path, &headers, r#"{"path":"/tmp"}"#)
            .await?;
        if answer.status.is_success() {
            return Ok(true);
        }
        let refusal: Value = serde_json::from_slice(&answer.body)?;
        ensure!(
            refusal["code"] == "resource_exhausted" && refusal["message"].is_string(),
            "{} {refusal}",
            answer.status
        );
        Ok(false)
    };
    let asked = futures::stream::iter((0..WATCHERS).map(|_| ask()))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let given = asked.into_iter().collect::<Result<Vec<bool>>>()?;
    let made = given.iter().filter(|made| **made).count();
    ensure!(made > 0 && made < WATCHERS / 10, "{made} watchers were made");
    Ok(())
}
