//! Exhaustion: a guest that takes what it can get does not starve its neighbour, nor the host.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::json;
use xtask::client::Api;

use crate::harness::with_stack;
use crate::seen::{Process, Vm};

/// What each guest has, in MiB.
const MEMORY_MB: u64 = 256;
/// What an engine may have besides, in bytes (see the host's `engines/jails.rs`).
const OVERHEAD: u64 = 512 << 20;
/// How long the neighbour may take to answer, beside a hog and on an emulated processor.
const PATIENCE: Duration = Duration::from_secs(10);

/// As many loops, writers and sleepers as the guest takes, and all memory it can get.
const HOG: &str = "for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; \
                   dd if=/dev/zero of=/dev/shm/hog bs=1M & dd if=/dev/zero of=/hog bs=1M count=256 & \
                   i=0; while [ $i -lt 400 ]; do sleep 600 & i=$((i+1)); done; wait";

#[tokio::test(flavor = "multi_thread")]
async fn a_hog_is_held_within_its_limits_and_its_neighbour_is_answered() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "memory_mb": MEMORY_MB, "vcpus": 1});
        let hog = api.create(&request).await?.id;
        let neighbour = api.create(&request).await?.id;
        let vm = Vm::of(stack, &hog)?;
        is_limited(vm.engine()?)?;
        is_limited(vm.qemu()?)?;

        let path = format!("/v1/sandboxes/{hog}/exec");
        let request = json!({"cmd": "sh", "args": ["-c", HOG], "user": "root", "background": true});
        let answer = api.send(Method::POST, &path, &request).await?;
        answer.expect(StatusCode::ACCEPTED)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        for _ in 0..5 {
            answers(&api, &neighbour).await?;
        }
        // All that it has made are the guest's own: the machine sees one engine.
        let processes: u64 = vm.engine()?.cgroup("pids", "pids.current")?.parse()?;
        ensure!(processes < 256, "{processes} threads in one engine");
        for sandbox in [hog, neighbour] {
            api.kill(&sandbox).await?;
        }
        Ok(())
    })
    .await
}

async fn answers(api: &Api, sandbox: &str) -> Result<()> {
    let began = Instant::now();
    let output = api
        .exec(sandbox, &json!({"cmd": "echo", "args": ["here"]}))
        .await?;
    ensure!(output.stdout == "here\n", "{output:?}");
    ensure!(began.elapsed() < PATIENCE, "an answer took {:?}", began.elapsed());
    Ok(())
}

/// CPU time, memory and processes, by whichever version of cgroups there is.
fn is_limited(process: Process) -> Result<()> {
    let first = |one: (&str, &str), other: (&str, &str)| {
        process
            .cgroup(one.0, one.1)
            .or_else(|_| process.cgroup(other.0, other.1))
    };
    let memory = first(("memory", "memory.limit_in_bytes"), ("memory", "memory.max"))?;
    ensure!(
        memory == ((MEMORY_MB << 20) + OVERHEAD).to_string(),
        "{memory} bytes"
    );
    let quota = first(("cpu", "cpu.cfs_quota_us"), ("cpu", "cpu.max"))?;
    let quota = quota.split(' ').next().context("a quota")?.to_owned();
    ensure!(quota == "200000", "{quota} microseconds in 100000");
    let processes = process.cgroup("pids", "pids.max")?;
    ensure!(processes == "256", "{processes} processes");
    limits_itself(process)
}

fn limits_itself(Process(pid): Process) -> Result<()> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    for (name, most) in [("Max open files", 1024), ("Max core file size", 0)] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        let line = line.with_context(|| format!("no {name}"))?;
        let limit: Vec<&str> = line.split_whitespace().collect();
        ensure!(
            limit[..2] == [most.to_string(), most.to_string()],
            "{name}: {line}"
        );
    }
    let files = limits.lines().find(|line| line.starts_with("Max file size"));
    ensure!(
        !files.context("a limit")?.contains("unlimited"),
        "files may grow for ever"
    );
    Ok(())
}
