//! Floods: whatever a guest writes to its console, the host's disk and the engine's memory stay as they are.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xtask::stack::Stack;

use crate::harness::with_stack;

/// What the guest writes to its console, many times what is kept of it.
const FLOOD: u64 = 4 << 20;
/// What may be kept: a day's share (see the host's `engines/console.rs`).
const KEPT: u64 = 256 << 10;
/// How far the engine's own memory may rise, in KiB.
const MAY_RISE: u64 = 4 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_flooded_costs_neither_disk_nor_memory() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        let folder = folder(stack, &sandbox);
        let engine = engine(&folder)?;
        let before = resident_kib(engine)?;
        let script = format!("head -c {FLOOD} /dev/zero | tr '\\000' x > /dev/ttyS0");
        let request = json!({"cmd": "sh", "args": ["-c", script], "user": "root", "timeout_sec": 120});
        let flooded = api.exec(&sandbox, &request).await?;
        ensure!(flooded.exit_code == 0, "{flooded:?}");
        let kept = fs::metadata(folder.join("root/console.log"))?.len();
        ensure!((1..=KEPT).contains(&kept), "{kept} bytes of the console are kept");
        let after = resident_kib(engine)?;
        ensure!(
            after < before + MAY_RISE,
            "the engine rose from {before} to {after} KiB"
        );
        api.kill(&sandbox).await
    })
    .await
}

/// Where the host keeps what belongs to the engine of a sandbox that was placed once.
fn folder(stack: &Stack, sandbox: &str) -> std::path::PathBuf {
    let hosts = Path::new("/run/roost/hosts").join(stack.state().host_id());
    hosts.join("engines").join(format!("{sandbox}.1"))
}

/// The process of the engine, which is not QEMU but who reads what that says.
fn engine(folder: &Path) -> Result<u64> {
    let record: Value = serde_json::from_slice(&fs::read(folder.join("engine.json"))?)?;
    record["process"]["pid"].as_u64().context("an engine's pid")
}

fn resident_kib(pid: u64) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line.context("every process has it")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
