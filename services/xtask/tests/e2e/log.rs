//! A log that is not as it should be: what cannot be read stops one sandbox, what was lost stops everybody.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use hyper::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use xtask::TENANT;
use xtask::client::Api;
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;
use crate::restart::{eventually, kill};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_cannot_be_read_stops_its_sandbox_and_no_other() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let poisoned = api.create(&json!({"template": "minimal"})).await?.id;
        let other = api.create(&json!({"template": "minimal"})).await?.id;
        let sequence = poison(stack, &poisoned).await?;
        stands_still(&api, &poisoned, sequence).await?;
        goes_on(&api, &other).await?;

        kill(stack, Role::Host).await?;
        goes_on(&api, &other).await?;
        ensure!(
            processes_of(&poisoned)? > 0,
            "the VM of what cannot be read was destroyed"
        );
        kill(stack, Role::Gateway).await?;
        kill(stack, Role::Reconciler).await?;
        goes_on(&api, &other).await?;
        stands_still(&api, &poisoned, sequence).await?;

        let log: Value = api
            .send(Method::GET, "/v1/log", &Value::Null)
            .await?
            .read(StatusCode::OK)?;
        assert_eq!(log["unreadable"].as_array().map(Vec::len), Some(1), "{log}");
        assert_eq!(log["unreadable"][0]["sequence"], sequence);
        api.kill(&other).await?;
        let third = api.create(&json!({"template": "minimal"})).await?.id;
        api.kill(&third).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_commits_is_refused_until_it_is_brought_back() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        // When every checkpoint includes it.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let store = stack.state().of(Role::Log);
        let aside = store.with_extension("aside");
        std::fs::rename(&store, &aside)?;
        std::fs::create_dir(&store)?;
        kill(stack, Role::Log).await?;
        // The reconciler's next life makes the streams that are gone, and refuses them, as everybody does: nobody becomes
        // ready again, so that is not waited for.
        for role in [Role::Reconciler, Role::Host] {
            let pid = stack.process(role)?.pid().context("it runs")?;
            let pid = Pid::from_raw(pid.cast_signed()).context("a process")?;
            kill_process(pid, Signal::KILL)?;
        }
        eventually("everybody refuses it", async || {
            let health = api.anonymous().send(Method::GET, "/health", &Value::Null).await?;
            let health: Value = health.read(StatusCode::SERVICE_UNAVAILABLE)?;
            ensure!(health["status"] == "stopped", "{health}");
            let answer = api
                .send(Method::GET, &format!("/v1/sandboxes/{sandbox}"), &Value::Null)
                .await?;
            ensure!(answer.status == StatusCode::SERVICE_UNAVAILABLE);
            for role in [Role::Host, Role::Reconciler, Role::Gateway] {
                let said = std::fs::read_to_string(stack.state().log(role))?;
                ensure!(
                    said.contains("commits were lost"),
                    "the {} says nothing",
                    role.name()
                );
            }
            Ok(())
        })
        .await?;
        ensure!(processes_of(&sandbox)? > 0, "its VM was destroyed");

        std::fs::rename(&store, store.with_extension("lost"))?;
        std::fs::rename(&aside, &store)?;
        kill(stack, Role::Log).await?;
        kill(stack, Role::Gateway).await?;
        goes_on(&api, &sandbox).await?;
        api.kill(&sandbox).await
    })
    .await
}

/// Writes what no release has written behind the sandbox's commits; answers where it stands.
async fn poison(stack: &Stack, sandbox: &str) -> Result<u64> {
    let client = xtask::nats::operator(stack).await?.client();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "from-a-later-release");
    // Held until the answer is there: it comes by way of it.
    let context = async_nats::jetstream::new(client);
    let sent = context
        .publish_with_headers(
            format!("roost.evt.{TENANT}.sandbox.{sandbox}"),
            headers,
            b"\xc1".as_slice().into(),
        )
        .await?;
    Ok(sent.await?.sequence)
}

async fn stands_still(api: &Api, sandbox: &str, sequence: u64) -> Result<()> {
    let path = format!("/v1/sandboxes/{sandbox}");
    let reason = format!("commit {sequence} cannot be read");
    eventually("it is told why", async || {
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::POST, format!("{path}/pause")),
        ] {
            let answer = api.send(method, &path, &Value::Null).await?;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            ensure!(
                answer.status == StatusCode::SERVICE_UNAVAILABLE && body.contains(&reason),
                "{path}: {} {body}",
                answer.status
            );
        }
        Ok(())
    })
    .await?;
    ensure!(
        api.list().await?.iter().all(|one| one.id != sandbox),
        "what is known of it may be wrong, and is listed"
    );
    Ok(())
}

async fn goes_on(api: &Api, sandbox: &str) -> Result<()> {
    eventually("the other goes on", async || {
        let echo = json!({"cmd": "echo", "args": ["on"], "timeout_sec": 10});
        ensure!(api.exec(sandbox, &echo).await?.stdout == "on\n");
        Ok(())
    })
    .await
}

/// Processes that have the sandbox's id on their command line.
fn processes_of(sandbox: &str) -> Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc").context("/proc")? {
        // One that ended meanwhile is none.
        let line = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        found += usize::from(String::from_utf8_lossy(&line).contains(sandbox));
    }
    Ok(found)
}
