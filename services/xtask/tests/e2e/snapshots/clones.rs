//! Children of one snapshot: each is somebody else, at the right time, and goes its own way.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use roost_schemas::SandboxId;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use roost_schemas::token::TokenKey;
use serde_json::json;
use xtask::client::Api;
use xtask::stack::Stack;

use super::witness::Witness;
use super::{act, fork, shell};
use crate::harness::with_stack;

const CHILDREN: usize = 8;
/// How far a child's clock may be off.
const CLOCK: Duration = Duration::from_millis(500);
/// How long the snapshot is left lying: a clock that is not set is off by as much.
const ASLEEP: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn eight_children_are_eight_others() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let source = api.create(&request).await?.id;
        let mut witness = Witness::start(&api, &source).await?;
        // What a program of before the snapshot draws, and what the kernel had at hand.
        let first = identity(&api, &source).await?;
        act(&api, &source, "pause").await?;
        tokio::time::sleep(ASLEEP).await;

        let children = fork(&api, &source, &json!({"count": CHILDREN})).await?;
        assert_eq!(children.len(), CHILDREN);
        let mut identities = vec![first];
        for child in &children {
            clock_is_right(&api, child).await?;
            identities.push(identity(&api, child).await?);
        }
        all_distinct(&identities)?;
        for child in &children {
            witness.clone().testify(&api, child).await?;
        }
        files_are_its_own(&api, &children).await?;
        // A small machine has no room for all and their source.
        let (last, children) = children.split_last().context("eight")?;
        api.kill(last).await?;
        act(&api, &source, "resume").await?;
        shell(&api, &source, "! [ -e /root/own ]").await?;
        witness.testify(&api, &source).await?;
        tokens_are_its_own(stack, &source, &children[0]).await?;
        for sandbox in children.iter().chain([&source]) {
            api.kill(sandbox).await?;
        }
        Ok(())
    })
    .await
}

/// Lines of [`identity`].
const WORDS: [&str; 4] = ["/dev/urandom", "a UUID", "the host name", "the machine's id"];

async fn identity(api: &Api, sandbox: &str) -> Result<Vec<String>> {
    let look = "head -c 1024 /dev/urandom | base64 -w 0; echo
        cat /proc/sys/kernel/random/uuid /proc/sys/kernel/hostname /etc/machine-id";
    let lines: Vec<_> = shell(api, sandbox, look)
        .await?
        .lines()
        .map(ToOwned::to_owned)
        .collect();
    ensure!(
        lines.len() == WORDS.len() && lines.iter().all(|line| !line.is_empty()),
        "{lines:?}"
    );
    Ok(lines)
}

fn all_distinct(identities: &[Vec<String>]) -> Result<()> {
    for (line, word) in WORDS.iter().enumerate() {
        let seen: BTreeSet<_> = identities.iter().map(|identity| &identity[line]).collect();
        ensure!(
            seen.len() == identities.len(),
            "{word} is not everybody's own: {seen:?}"
        );
    }
    Ok(())
}

async fn clock_is_right(api: &Api, sandbox: &str) -> Result<()> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH);
    let before = now()?;
    let told: f64 = shell(api, sandbox, "echo $EPOCHREALTIME").await?.trim().parse()?;
    let (told, after) = (Duration::from_secs_f64(told), now()?);
    ensure!(
        (before.saturating_sub(CLOCK)..=after + CLOCK).contains(&told),
        "the clock of {sandbox} says {told:?}, and not {before:?} to {after:?}"
    );
    Ok(())
}

/// Whoever has a sandbox's token has no other's.
async fn tokens_are_its_own(stack: &Stack, source: &str, child: &str) -> Result<()> {
    let key: TokenKey = stack.state().token_key().parse()?;
    let [of_source, of_child] = [source, child].map(|id| SandboxId::new(id).map(|id| key.access(&id)));
    let (of_source, of_child) = (of_source?, of_child?);
    for (sandbox, token, status) in [
        (source, &of_source, StatusCode::OK),
        (child, &of_child, StatusCode::OK),
        (child, &of_source, StatusCode::UNAUTHORIZED),
        (source, &of_child, StatusCode::UNAUTHORIZED),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("e2b-sandbox-id", sandbox),
            (ACCESS_TOKEN_HEADER, token),
        ];
        let path = "/process.Process/List";
        let answer = stack.api().send_raw(Method::POST, path, &headers, "{}").await?;
        answer
            .expect(status)
            .with_context(|| format!("{sandbox} with a token"))?;
    }
    Ok(())
}

async fn files_are_its_own(api: &Api, children: &[String]) -> Result<()> {
    for child in children {
        let write = format!("echo {child} > /root/own; sync");
        shell(api, child, &write).await?;
    }
    for child in children {
        assert_eq!(shell(api, child, "cat /root/own").await?.trim(), child);
    }
    Ok(())
}
