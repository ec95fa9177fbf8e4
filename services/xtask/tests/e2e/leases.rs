//! Leases on real parts: who cannot renew stands still, who is given up loses what it had, and nobody shares a name.

mod engines;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::Command;
use xtask::client::Api;
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::{parts, with_stack};
use crate::restart::eventually;
use crate::snapshots::{act, settled, view};
use engines::Engines;

/// How long a lease lasts, with what a busy machine may add.
const CLOSED_WITHIN: Duration = Duration::from_secs(25);
/// How long until a host that is silent is given up and the log says so.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(45);

fn tell(stack: &Stack, role: Role, signal: Signal) -> Result<()> {
    let pid = stack.process(role)?.pid().context("it runs")?;
    let pid = Pid::from_raw(pid.cast_signed()).context("a process's number")?;
    Ok(kill_process(pid, signal)?)
}

/// A sandbox in which a program counts to the end of its days.
async fn counting(api: &Api, request: &serde_json::Value) -> Result<String> {
    let sandbox = api.create(request).await?.id;
    let count = "echo 0 > /tmp/count; \
                 (i=0; while sleep 0.2; do i=$((i+1)); echo $i > /tmp/next; mv /tmp/next /tmp/count; done) > /dev/null 2>&1 &";
    let begun = api
        .exec(&sandbox, &json!({"cmd": "sh", "args": ["-c", count]}))
        .await?;
    ensure!(begun.exit_code == 0, "{}", begun.stderr);
    Ok(sandbox)
}

async fn count(api: &Api, sandbox: &str) -> Result<u64> {
    let look = json!({"cmd": "cat", "args": ["/tmp/count"], "timeout_sec": 10});
    let output = eventually("count", async || api.exec(sandbox, &look).await).await?;
    output
        .stdout
        .trim()
        .parse()
        .with_context(|| format!("{output:?}"))
}

async fn still_counts(api: &Api, sandbox: &str, before: u64) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while count(api, sandbox).await? <= before {
        ensure!(Instant::now() < deadline, "it counts no further than {before}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_away_for_longer_than_a_lease_freezes_everything_and_loses_nothing() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = counting(&api, &json!({"template": "minimal"})).await?;
        let counted = count(&api, &sandbox).await?;
        let engines = Engines::of(stack.state());
        tell(stack, Role::Log, Signal::STOP)?;
        engines.stand_still(CLOSED_WITHIN).await?;
        // Well beyond when it would be given up, if anybody could tell that it alone is silent.
        tokio::time::sleep(Duration::from_secs(15)).await;
        engines.stand_still(Duration::ZERO).await?;
        tell(stack, Role::Log, Signal::CONT)?;
        engines.run(Duration::from_secs(10)).await?;
        still_counts(&api, &sandbox, counted).await?;
        ensure!(api.get(&sandbox).await?.state == "running");
        eventually("kill", async || api.kill(&sandbox).await).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_stopped_too_long_is_given_up_and_begins_anew() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let lost = counting(&api, &json!({"template": "minimal"})).await?;
        let request = json!({"template": "minimal", "on_host_down": "resume"});
        let comes_back = counting(&api, &request).await?;
        act(&api, &comes_back, "pause").await?;
        act(&api, &comes_back, "resume").await?;
        let sealed = view(&api, &comes_back).await?["generation"].clone();
        let engines = Engines::of(stack.state());
        let old = stack.process(Role::Host)?.pid().context("it runs")?;
        tell(stack, Role::Host, Signal::STOP)?;
        engines.stand_still(CLOSED_WITHIN).await?;
        let given_up = Instant::now();
        while api.get(&lost).await?.state != "lost" {
            ensure!(given_up.elapsed() < GIVEN_UP_WITHIN, "it is not given up");
            engines.stand_still(Duration::ZERO).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let cause = view(&api, &lost).await?["cause"].clone();
        ensure!(cause["kind"] == "host_down", "{cause}");
        settled(&api, &comes_back, &["paused"]).await?;

        tell(stack, Role::Host, Signal::CONT)?;
        let replaced = stack.process(Role::Host)?.replaced(old);
        tokio::time::timeout(Duration::from_secs(30), replaced).await??;
        let now = settled(&api, &comes_back, &["running"]).await?;
        ensure!(now["generation"] != sealed, "it is another placement");
        let counted = count(&api, &comes_back).await?;
        still_counts(&api, &comes_back, counted).await?;
        ensure!(api.get(&lost).await?.state == "lost");
        ensure!(engines.count()? == 1, "what is lost has no engine");
        api.kill(&comes_back).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_is_refused_and_a_dead_fence_replaced() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = counting(&api, &json!({"template": "minimal"})).await?;
        let engines = Engines::of(stack.state());
        let fence = engines.fence()?;
        kill_process(fence, Signal::KILL)?;
        let replaced = Instant::now();
        while engines.fence().map_or(true, |now| now == fence) {
            ensure!(
                replaced.elapsed() < Duration::from_secs(10),
                "nobody replaced the fence"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let same = stack.state().of(Role::Host);
        let refused = second_agent(stack, &same).await?;
        ensure!(refused.contains("in use by another host agent"), "{refused}");
        let other = tempfile::tempdir()?;
        let refused = second_agent(stack, other.path()).await?;
        ensure!(refused.contains("only one may run under a name"), "{refused}");
        let counted = count(&api, &sandbox).await?;
        still_counts(&api, &sandbox, counted).await?;
        api.kill(&sandbox).await
    })
    .await
}

/// Starts another agent under the name of the stack's; answers why it ended.
async fn second_agent(stack: &Stack, state: &std::path::Path) -> Result<String> {
    let parts = parts().await?;
    let mut agent = Command::new(&parts.binaries.host);
    agent.arg("--nats").arg(stack.nats_url());
    let credentials = stack.state().credentials(Role::Host);
    agent.env("ROOST_NATS_NKEY", credentials.context("a host has credentials")?);
    agent.arg("--images").arg(&parts.images);
    agent.arg("--state").arg(state);
    agent.arg("--host-id").arg(stack.state().host_id());
    agent.env("ROOST_TOKEN_KEY", stack.state().token_key());
    agent.kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(40), agent.output()).await;
    let ended = ended.context("it goes on")??;
    if ended.status.success() {
        bail!("it was not refused");
    }
    Ok(String::from_utf8_lossy(&ended.stderr).into_owned())
}
