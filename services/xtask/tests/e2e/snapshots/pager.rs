//! The process that serves a VM's memory: it outlives the host, and a VM does not outlive it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use roost_engine::{ProcessId, read_record};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::json;
use xtask::stack::Stack;
use xtask::supervise::Role;

use super::witness::Witness;
use super::{act, engine, settled};
use crate::harness::with_stack;
use crate::restart::kill;

/// How soon a VM is dead that nobody serves.
const WITHIN: Duration = Duration::from_secs(1);

/// What the records of engine and pager have in common.
#[derive(Deserialize)]
struct Started {
    process: ProcessId,
}

/// The process that a record in the folder tells of.
pub(crate) fn process(folder: &Path, record: &str) -> Result<Pid> {
    let started: Option<Started> = read_record(&folder.join(record))?;
    let started = started.with_context(|| format!("{} has no {record}", folder.display()))?;
    Pid::from_raw(started.process.pid.cast_signed()).context("a process")
}

/// Whether it is there, and more than what is left for its parent to see.
pub(crate) fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

async fn resumed(stack: &Stack) -> Result<(String, Witness)> {
    let api = stack.api();
    let request = json!({"template": "minimal", "timeout_sec": 3600});
    let sandbox = api.create(&request).await?.id;
    let witness = Witness::start(&api, &sandbox).await?;
    act(&api, &sandbox, "pause").await?;
    act(&api, &sandbox, "resume").await?;
    Ok((sandbox, witness))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_whose_pager_dies_or_hangs_is_killed_and_its_sandbox_lost() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        for signal in [Signal::KILL, Signal::STOP] {
            let (sandbox, _) = resumed(stack).await?;
            let (bystander, mut witness) = resumed(stack).await?;
            let folder = engine(stack, &sandbox, 2);
            let [vm, pager] = ["engine.json", "pager.json"].map(|record| process(&folder, record));
            let (vm, pager) = (vm?, pager?);
            ensure!(lives(vm) && lives(pager));
            kill_process(pager, signal)?;
            let began = Instant::now();
            while lives(vm) {
                ensure!(
                    began.elapsed() < WITHIN,
                    "{signal:?}: its VM lives after {WITHIN:?}"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            println!("{signal:?}: its VM was dead after {:?}", began.elapsed());
            let lost = settled(&api, &sandbox, &["lost"]).await?;
            ensure!(lost["cause"]["kind"] == "pager_died", "{signal:?}: {lost}");
            witness.testify(&api, &bystander).await?;
            api.kill(&bystander).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pager_and_its_vm_outlive_the_host() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let (sandbox, mut witness) = resumed(stack).await?;
        let folder = engine(stack, &sandbox, 2);
        let of = |record| process(&folder, record);
        let before = (of("engine.json")?, of("pager.json")?);
        kill(stack, Role::Host).await?;
        witness.testify_after_a_crash(&api, &sandbox).await?;
        assert_eq!((of("engine.json")?, of("pager.json")?), before);
        ensure!(lives(before.0) && lives(before.1));
        // The host that comes after watches both as the one before did.
        kill_process(before.1, Signal::KILL)?;
        let lost = settled(&api, &sandbox, &["lost"]).await?;
        ensure!(lost["cause"]["kind"] == "pager_died", "{lost}");
        Ok(())
    })
    .await
}
