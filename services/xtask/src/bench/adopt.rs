//! `kill -9` of the host agent with running VMs: how long until each has been re-adopted, its programs running on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use hyper::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::table;
use crate::build::Profile;
use crate::client::Api;
use crate::stack::{Ports, Stack, StateFolder};
use crate::supervise::Role;
use crate::{prepare, ui};

/// How many VMs run.
const VMS: usize = 8;
/// When all of them must be re-adopted, after the kill.
const BAR: Duration = Duration::from_secs(10);
/// When it is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// The pause after a try that failed.
const PAUSE: Duration = Duration::from_millis(20);
/// A program that runs on, and tells where.
const PROGRAM: &str = "echo $$ > /tmp/program; exec sleep 3600";
/// Whether it still does, in the same guest.
const LOOK: &str = "kill -0 $(cat /tmp/program) && cat /proc/sys/kernel/random/boot_id";

pub(super) async fn run(rounds: u32, cancelled: &CancellationToken) -> Result<()> {
    let mut parts = prepare::parts(Profile::Release, cancelled).await?;
    // What runs is idle, and a small machine would not take so many otherwise.
    parts.host_env.push(("ROOST_VCPUS".into(), "16".into()));
    let state = StateFolder::temporary("bench")?;
    let measure = async |stack: &Stack| measure(stack, rounds).await;
    let met = Stack::with(parts, Ports::free()?, state, cancelled, measure).await?;
    ensure!(met, "bar missed");
    Ok(())
}

/// A VM, and the boot that its program was started in.
struct Vm {
    sandbox: String,
    boot: String,
}

async fn measure(stack: &Stack, rounds: u32) -> Result<bool> {
    let api = stack.api();
    let mut vms = Vec::new();
    for _ in 0..VMS {
        vms.push(started(&api).await?);
    }

    ui::heading(&format!("kill -9 of the host with {VMS} running VMs"));
    println!("  milliseconds from the kill until the host is back, and until each VM answers again");
    let mut slowest = Duration::ZERO;
    for round in 1..=rounds {
        let (back, mut times) = killed(stack, &vms).await?;
        times.sort_unstable();
        table::row(&format!("round {round}: host {:>5}", back.as_millis()), &times);
        slowest = slowest.max(times[times.len() - 1]);
    }
    for vm in &vms {
        api.kill(&vm.sandbox).await?;
    }
    Ok(table::judge(
        &format!("all {VMS} re-adopted / {} s", BAR.as_secs()),
        slowest.as_secs_f64() / BAR.as_secs_f64(),
        1.0,
    ))
}

async fn started(api: &Api) -> Result<Vm> {
    let request = json!({"template": "minimal", "timeout_sec": 3600});
    let sandbox = api.create(&request).await?.id;
    let program = json!({"cmd": "sh", "args": ["-c", PROGRAM], "background": true, "timeout_sec": 3600});
    let path = format!("/v1/sandboxes/{sandbox}/exec");
    let answer = api.send(Method::POST, &path, &program).await?;
    answer.expect(StatusCode::ACCEPTED)?;
    let began = Instant::now();
    loop {
        match look(api, &sandbox).await {
            Ok(boot) => return Ok(Vm { sandbox, boot }),
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The boot of a guest whose program runs.
async fn look(api: &Api, sandbox: &str) -> Result<String> {
    let look = json!({"cmd": "sh", "args": ["-c", LOOK], "timeout_sec": 5});
    let output = api.exec(sandbox, &look).await?;
    ensure!(output.exit_code == 0, "the program is gone: {}", output.stderr);
    Ok(output.stdout)
}

/// When the host was back after a kill, and when each VM answered.
async fn killed(stack: &Stack, vms: &[Vm]) -> Result<(Duration, Vec<Duration>)> {
    let host = stack.process(Role::Host)?;
    let pid = host.pid().context("the host runs")?;
    let raw = Pid::from_raw(pid.cast_signed()).context("a process")?;
    let began = Instant::now();
    kill_process(raw, Signal::KILL)?;
    let back = async {
        tokio::time::timeout(PATIENCE, host.replaced(pid)).await??;
        anyhow::Ok(began.elapsed())
    };
    let api = stack.api();
    let answers = vms.iter().map(|vm| answered(&api, vm, began));
    let (back, times) = tokio::try_join!(back, try_join_all(answers))?;
    Ok((back, times))
}

/// How long after `began` the program is seen to run on.
async fn answered(api: &Api, vm: &Vm, began: Instant) -> Result<Duration> {
    loop {
        match look(api, &vm.sandbox).await {
            Ok(boot) => {
                ensure!(boot == vm.boot, "{} was restarted", vm.sandbox);
                return Ok(began.elapsed());
            }
            Err(error) if began.elapsed() > PATIENCE => {
                let state = api.get(&vm.sandbox).await.map(|sandbox| sandbox.state);
                return Err(error.context(format!("{} is {state:?}", vm.sandbox)));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
