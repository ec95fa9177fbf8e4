//! Floods: whatever a guest writes to its console, the host's disk and the engine's memory stay as they are.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::with_stack;
use crate::seen::Vm;

/// What the guest writes to its console, many times what is kept of it.
const FLOOD: u64 = 4 << 20;
/// What may be kept: a day's share (see the host's `engines/console.rs`), and what is earned of the next while the test runs.
const KEPT: u64 = (256 << 10) + (1 << 10);
/// How far the engine's own memory may rise, in KiB.
const MAY_RISE: u64 = 4 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_flooded_costs_neither_disk_nor_memory() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        let vm = Vm::of(stack, &sandbox)?;
        let engine = vm.engine()?;
        let before = engine.number("VmRSS")?;
        let script = format!("head -c {FLOOD} /dev/zero | tr '\\000' x > /dev/ttyS0");
        let request = json!({"cmd": "sh", "args": ["-c", script], "user": "root", "timeout_sec": 120});
        let flooded = api.exec(&sandbox, &request).await?;
        ensure!(flooded.exit_code == 0, "{flooded:?}");
        let kept = fs::metadata(vm.folder.join("root/console.log"))?.len();
        ensure!((1..=KEPT).contains(&kept), "{kept} bytes of the console are kept");
        let after = engine.number("VmRSS")?;
        ensure!(
            after < before + MAY_RISE,
            "the engine rose from {before} to {after} KiB"
        );
        api.kill(&sandbox).await
    })
    .await
}
