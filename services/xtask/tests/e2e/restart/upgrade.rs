//! The host agent is exchanged under running sandboxes: an upgrade is a restart, and whoever follows a program is not cut.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::time::{sleep, timeout};
use xtask::stack::Stack;
use xtask::supervise::Role;

use super::kill;
use crate::harness::{parts, with_parts};
use crate::snapshots::engine;
use crate::snapshots::pager::process;

/// Lines that the program writes, ten a second.
const LINES: u32 = 150;

/// Puts a fresh copy of the agent in the place of the one that runs, asks that to end, and waits for the next.
async fn upgrade(stack: &Stack, binary: &Path, from: &Path) -> Result<()> {
    let new = binary.with_extension("new");
    fs::copy(from, &new)?;
    fs::rename(&new, binary)?;
    let host = stack.process(Role::Host)?;
    let old = host.pid().context("it runs")?;
    kill_process(
        Pid::from_raw(old.cast_signed()).context("a process")?,
        Signal::TERM,
    )?;
    let now = timeout(Duration::from_secs(30), host.replaced(old))
        .await
        .context("the host did not come back")??;
    let runs = fs::metadata(format!("/proc/{now}/exe"))?;
    ensure!(runs.ino() == fs::metadata(binary)?.ino(), "the old agent runs on");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_followed_through_the_death_and_the_exchange_of_the_host() -> Result<()> {
    let mut parts = parts().await?;
    let built = parts.binaries.host.clone();
    let folder = tempfile::Builder::new().prefix("roost-e2e-").tempdir()?;
    let binary = folder.path().join("roost-host");
    fs::copy(&built, &binary)?;
    // It looks for the others beside itself.
    for beside in ["roost-qemu", "roost-pager", "roost-fence", "roost-jailer"] {
        symlink(built.with_file_name(beside), folder.path().join(beside))?;
    }
    parts.binaries.host.clone_from(&binary);
    with_parts(parts, async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let sandbox = api.create(&request).await?.id;
        let before = process(&engine(stack, &sandbox, 1), "engine.json")?;
        let program =
            format!("i=1; while [ $i -le {LINES} ]; do echo $i; i=$((i+1)); sleep 0.1; done; exit 7");
        let program = json!({"cmd": "sh", "args": ["-c", program], "timeout_sec": 120});
        let followed = tokio::spawn({
            let (api, sandbox) = (api.clone(), sandbox.clone());
            async move { api.exec(&sandbox, &program).await }
        });
        sleep(Duration::from_secs(1)).await;
        kill(stack, Role::Host).await?;
        sleep(Duration::from_secs(1)).await;
        upgrade(stack, &binary, &built).await?;
        ensure!(!followed.is_finished(), "the program ended before the hosts did");
        let output = followed.await??;
        let lines: Vec<u32> = output.stdout.lines().map(str::parse).collect::<Result<_, _>>()?;
        assert_eq!(lines, (1..=LINES).collect::<Vec<_>>(), "lost or repeated");
        assert_eq!(output.exit_code, 7);
        let after = process(&engine(stack, &sandbox, 1), "engine.json")?;
        assert_eq!(after, before, "its engine runs on");
        api.kill(&sandbox).await
    })
    .await
}
