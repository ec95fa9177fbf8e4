//! Pauses and resumes over and over leave nothing behind, and make nothing grow.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use xtask::client::Api;
use xtask::leaks::{Inventory, Kind, Scope};
use xtask::stack::Stack;
use xtask::supervise::Role;

use super::act;
use super::witness::Witness;
use crate::harness::with_stack;

/// Rounds of all sandboxes together.
const ROUNDS: usize = 200;
const SANDBOXES: usize = 4;
/// Rounds of each after which nothing may grow any more.
const WARM: usize = 10;
/// What the host's memory may grow by from then on.
const GROWTH_KIB: u64 = 16 << 10;

/// What there is while every sandbox is paused.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    /// Of each kind of thing on the machine, how many.
    counts: BTreeMap<&'static str, usize>,
    /// Open files of the host.
    open: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_pauses_and_resumes_leave_nothing() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let mut sandboxes = Vec::new();
        for _ in 0..SANDBOXES {
            let sandbox = api.create(&request).await?.id;
            let witness = Witness::start(&api, &sandbox).await?;
            sandboxes.push((sandbox, witness));
        }
        let began = Instant::now();
        rounds(&api, &mut sandboxes, WARM).await?;
        let (before, memory) = paused(stack, &sandboxes).await?;
        rounds(&api, &mut sandboxes, ROUNDS / SANDBOXES - WARM).await?;
        let (after, grown) = paused(stack, &sandboxes).await?;
        println!("{ROUNDS} rounds took {:?}", began.elapsed());
        assert_eq!(after, before);
        ensure!(
            grown < memory + GROWTH_KIB,
            "the host grew from {memory} to {grown} KiB"
        );
        for (sandbox, witness) in &mut sandboxes {
            act(&api, sandbox, "resume").await?;
            witness.testify(&api, sandbox).await?;
            api.kill(sandbox).await?;
        }
        Ok(())
    })
    .await
}

/// Each goes through as many rounds, beside the others.
async fn rounds(api: &Api, sandboxes: &mut [(String, Witness)], count: usize) -> Result<()> {
    let all = sandboxes.iter_mut().map(async |(sandbox, witness)| {
        act(api, sandbox, "resume").await?;
        for round in 0..count {
            act(api, sandbox, "pause").await?;
            act(api, sandbox, "resume").await?;
            if round % 5 == 0 {
                witness.testify(api, sandbox).await?;
            }
        }
        anyhow::Ok(())
    });
    futures::future::try_join_all(all).await.map(drop)
}

/// Pauses all, and looks when what is on its way out has gone.
async fn paused(stack: &Stack, sandboxes: &[(String, Witness)]) -> Result<(Held, u64)> {
    let api = stack.api();
    for (sandbox, _) in sandboxes {
        act(&api, sandbox, "pause").await?;
    }
    let scope = Scope::of(stack.state());
    let pid = stack.process(Role::Host)?.pid().context("it runs")?;
    let mut last = None;
    // The pool of slots is filled up, what is not referred to is swept, and connections are closed, in their own time.
    for _ in 0..30 {
        let inventory = Inventory::take(&scope)?;
        let count = |kind: Kind| (kind.plural(), inventory.count(kind));
        let held = Held {
            counts: Kind::ALL.map(count).into(),
            open: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        };
        if last.as_ref() == Some(&held) {
            return Ok((held, memory(pid)?));
        }
        last = Some(held);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    anyhow::bail!("it does not come to rest: {last:?}")
}

/// KiB of the process's own memory.
fn memory(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix("kB"))
        .context("no RssAnon")?;
    Ok(kib.trim().parse()?)
}
