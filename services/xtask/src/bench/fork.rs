//! Forks: ten children of a running sandbox, the time and the memory of each beside a full copy's.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use roost_engine::{ProcessId, read_record};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::filled::{self, MEMORY_MIB};
use crate::build::Profile;
use crate::client::Sandbox;
use crate::stack::{Ports, Stack, StateFolder};
use crate::{prepare, ui};

/// How many children.
const CHILDREN: usize = 10;
/// How long the children are left alone before their memory is looked at.
const SETTLE: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
struct Forked {
    sandboxes: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    sandbox: Option<Sandbox>,
}

pub(super) async fn run(cancelled: &CancellationToken) -> Result<()> {
    let mut parts = prepare::parts(Profile::Release, cancelled).await?;
    // What runs is idle, and a small machine would not take so many otherwise.
    parts.host_env.push(("ROOST_VCPUS".into(), "16".into()));
    let state = StateFolder::temporary("bench")?;
    Stack::with(parts, Ports::free()?, state, cancelled, measure).await
}

async fn measure(stack: &Stack) -> Result<()> {
    let api = stack.api();
    let source = filled::sandbox(&api).await?;

    let began = Instant::now();
    let path = format!("/v1/sandboxes/{source}/fork");
    let answer = api.send(Method::POST, &path, &json!({"count": CHILDREN})).await?;
    let took = began.elapsed();
    let forked: Forked = answer.read(StatusCode::CREATED)?;
    let children: Vec<Sandbox> = forked
        .sandboxes
        .into_iter()
        .filter_map(|child| child.sandbox)
        .collect();
    ensure!(
        children.len() == CHILDREN,
        "{} of {CHILDREN} children run",
        children.len()
    );
    tokio::time::sleep(SETTLE).await;

    let engines = Path::new("/run/roost/hosts")
        .join(stack.state().host_id())
        .join("engines");
    let memory: Vec<u64> = children
        .iter()
        .map(|child| memory_of(&engines.join(format!("{}.1", child.id))))
        .collect::<Result<_>>()?;
    let copied = full_copy()?;

    ui::heading(&format!("{CHILDREN} forks of a sandbox with {MEMORY_MIB} MiB"));
    let each = took / u32::try_from(CHILDREN)?;
    println!(
        "  all of them run after {} ms: {} ms each",
        took.as_millis(),
        each.as_millis()
    );
    println!(
        "  a full copy of the memory alone takes {} ms each",
        copied.as_millis()
    );
    let mean = memory.iter().sum::<u64>() / CHILDREN as u64;
    println!(
        "  memory of a child (engine and pager, proportional): {} MiB, from {} to {}; a full copy has {MEMORY_MIB}",
        mean >> 10,
        memory.iter().min().unwrap_or(&0) >> 10,
        memory.iter().max().unwrap_or(&0) >> 10
    );
    api.kill(&source).await?;
    for child in &children {
        api.kill(&child.id).await?;
    }
    Ok(())
}

/// KiB that engine and pager of the folder use, shared pages counted by their share.
fn memory_of(folder: &Path) -> Result<u64> {
    /// What the records of engine and pager have in common.
    #[derive(Deserialize)]
    struct Started {
        process: ProcessId,
    }
    let mut processes = Vec::new();
    for record in ["engine.json", "pager.json"] {
        let started: Option<Started> = read_record(&folder.join(record))?;
        let started = started.with_context(|| format!("{} has no {record}", folder.display()))?;
        processes.push(started.process.pid);
    }
    let mut sum = 0;
    while let Some(pid) = processes.pop() {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let children = fs::read_to_string(proc.join(format!("task/{pid}/children")))?;
        processes.extend(
            children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
        let rollup = fs::read_to_string(proc.join("smaps_rollup"))?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = pss
            .and_then(|value| value.trim().strip_suffix("kB"))
            .context("no Pss")?;
        sum += kib.trim().parse::<u64>()?;
    }
    Ok(sum)
}

/// How long it takes to write as much memory as the guest has into a tmpfs.
fn full_copy() -> Result<Duration> {
    let page = vec![0x5a; 1 << 20];
    let mut file = tempfile::tempfile_in("/dev/shm")?;
    let began = Instant::now();
    for _ in 0..MEMORY_MIB {
        std::io::Write::write_all(&mut file, &page)?;
    }
    Ok(began.elapsed())
}
