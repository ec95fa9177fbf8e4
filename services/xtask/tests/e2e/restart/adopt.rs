//! A killed host comes back to VMs of every kind: each is adopted or declared lost soon, and what nobody owns is gone.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use xtask::client::Api;
use xtask::stack::Stack;
use xtask::supervise::Role;

use super::SETTLED_WITHIN;
use crate::harness::{parts, with_parts};
use crate::snapshots::pager::{lives, process};
use crate::snapshots::{engine, settled, view};

const MARK: &str = "echo here > /tmp/marker; cat /proc/sys/kernel/random/boot_id";
const LOOK: &str = "cat /tmp/marker /proc/sys/kernel/random/boot_id";

async fn shell(api: &Api, sandbox: &str, line: &str) -> Result<String> {
    let request = json!({"cmd": "sh", "args": ["-c", line], "timeout_sec": 5});
    Ok(api.exec(sandbox, &request).await?.stdout)
}

async fn created(api: &Api) -> Result<String> {
    let request = json!({"template": "minimal", "timeout_sec": 3600});
    Ok(api.create(&request).await?.id)
}

/// What no sandbox owns: an engine that is recorded, one that only its command line tells of, and files.
struct Leftovers {
    children: Vec<Child>,
}

impl Leftovers {
    fn make(stack: &Stack, program: &Path, model: &Path) -> Result<Self> {
        let record = fs::read_to_string(model.join("engine.json")).context("an engine's record")?;
        let mut record: Value = serde_json::from_str(&record)?;
        let mut children = Vec::new();
        for (name, recorded) in [("leftover1", true), ("leftover2", false)] {
            let folder = engine(stack, name, 1);
            fs::create_dir_all(&folder)?;
            // As the host starts one, under a name that the log does not know.
            let child = Command::new(program)
                .args(["--id", &format!("{name}-1"), "--api-sock"])
                .arg(folder.join("api.sock"))
                .current_dir(&folder)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            if recorded {
                record["id"] = json!(format!("{name}-1"));
                record["process"]["pid"] = json!(child.id());
                record["process"]["start_time"] = json!(start_time(child.id())?);
                for (key, file) in [("socket", "api.sock"), ("log", "engine.log")] {
                    record[key] = json!(folder.join(file));
                }
                record["dir"] = json!(&folder);
                fs::write(folder.join("engine.json"), record.to_string())?;
            }
            children.push(child);
        }
        let drive = stack.state().of(Role::Host).join("drives").join("leftover3.1");
        fs::create_dir_all(&drive)?;
        fs::write(drive.join("data.ext4"), "nobody's")?;
        Ok(Self { children })
    }

    fn are_gone(&mut self, stack: &Stack) -> Result<bool> {
        for child in &mut self.children {
            if child.try_wait()?.is_none() {
                return Ok(false);
            }
        }
        let drive = stack.state().of(Role::Host).join("drives").join("leftover3.1");
        let folders = ["leftover1", "leftover2"].map(|name| engine(stack, name, 1));
        Ok(!drive.exists() && folders.iter().all(|folder| !folder.exists()))
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        for child in &mut self.children {
            // As a rule it is gone, which is what is tested.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Field 22 of `/proc/<pid>/stat` (proc(5)).
fn start_time(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(") ").context("a command name")?;
    Ok(rest.split(' ').nth(19).context("field 22")?.parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_host_adopts_each_vm_or_declares_it_lost_and_destroys_what_nobody_owns() -> Result<()> {
    let parts = parts().await?;
    let program = parts.binaries.qemu.clone();
    with_parts(parts, async |stack| {
        let api = stack.api();
        let (sound, silent, dead) = (created(&api).await?, created(&api).await?, created(&api).await?);
        let unrecorded = created(&api).await?;
        let boots = [
            shell(&api, &sound, MARK).await?,
            shell(&api, &unrecorded, MARK).await?,
        ];
        let process = |sandbox: &str| process(&engine(stack, sandbox, 1), "engine.json");
        let (hung, killed, kept) = (process(&silent)?, process(&dead)?, process(&unrecorded)?);

        // While there is no host, one engine hangs, one dies, and the records of another make no sense.
        let mut leftovers = Leftovers::make(stack, &program, &engine(stack, &sound, 1))?;
        kill_process(hung, Signal::STOP)?;
        let host = stack.process(Role::Host)?;
        let pid = host.pid().context("it runs")?;
        let began = Instant::now();
        kill_process(
            Pid::from_raw(pid.cast_signed()).context("a process")?,
            Signal::KILL,
        )?;
        kill_process(killed, Signal::KILL)?;
        for record in ["engine.json", "pager.json"] {
            fs::write(engine(stack, &unrecorded, 1).join(record), "{\"pid\":")?;
        }
        timeout(SETTLED_WITHIN, host.replaced(pid))
            .await
            .context("the host did not come back")??;

        for (sandbox, boot) in [&sound, &unrecorded].into_iter().zip(&boots) {
            let seen = adopted(&api, sandbox, began).await?;
            assert_eq!(seen, format!("here\n{boot}"), "the guest was restarted");
        }
        // Whether anything of an engine that is dead is found depends on who collects dead processes, and when.
        let dead_of: &[&str] = &["host_restarted", "engine_exited"];
        for (sandbox, of) in [(&silent, &["unresponsive"][..]), (&dead, dead_of)] {
            let lost = settled(&api, sandbox, &["lost"]).await?;
            ensure!(
                of.iter().any(|kind| lost["cause"]["kind"] == *kind),
                "{of:?}: {lost}"
            );
        }
        println!("settled after {:?}", began.elapsed());
        ensure!(began.elapsed() < SETTLED_WITHIN, "after {:?}", began.elapsed());
        ensure!(lives(kept), "an engine without a record is as good");
        while lives(hung) || !leftovers.are_gone(stack)? {
            ensure!(began.elapsed() < 3 * SETTLED_WITHIN, "something is left");
            sleep(Duration::from_millis(50)).await;
        }
        for sandbox in [&sound, &unrecorded] {
            api.kill(sandbox).await?;
        }
        Ok(())
    })
    .await
}

/// What is seen in a guest as soon as it answers again.
async fn adopted(api: &Api, sandbox: &str, began: Instant) -> Result<String> {
    loop {
        match shell(api, sandbox, LOOK).await {
            Ok(seen) => return Ok(seen),
            Err(error) if began.elapsed() > SETTLED_WITHIN => {
                let now = view(api, sandbox).await;
                return Err(error.context(format!("not adopted: {now:?}")));
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}
