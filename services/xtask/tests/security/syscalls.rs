//! Syscalls: engine, QEMU and pager of a real VM live under their filters. That what these forbid is deadly is held by the
//! tests of those who make them, `roost-jailer` and `roost-pager`.

use anyhow::{Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::with_stack;
use crate::seen::Vm;

/// `SECCOMP_MODE_FILTER` (proc(5)).
const FILTERED: u64 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_meets_a_guest_lives_under_a_filter() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        for what in ["pause", "resume"] {
            let path = format!("/v1/sandboxes/{sandbox}/{what}");
            let answer = api.send(Method::POST, &path, &Value::Null).await?;
            answer.expect(StatusCode::OK)?;
        }
        let vm = Vm::of(stack, &sandbox)?;
        // The jailer has two, QEMU adds its own, the pager has one.
        for (process, filters) in [(vm.engine()?, 2), (vm.qemu()?, 3), (vm.pager()?, 1)] {
            ensure!(process.number("Seccomp")? == FILTERED, "{process:?}");
            let count = process.number("Seccomp_filters")?;
            ensure!(count == filters, "{process:?} has {count} filters");
        }
        api.kill(&sandbox).await
    })
    .await
}
