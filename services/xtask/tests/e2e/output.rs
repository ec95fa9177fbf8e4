//! What programs write and how they end.

use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::json;
use xtask::client::Api;
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;

#[tokio::test(flavor = "multi_thread")]
async fn output_of_every_kind_arrives_or_is_refused_by_name() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        bytes_that_are_no_text_come_as_base64(&api, &sandbox).await?;
        a_program_that_is_not_there_is_named(&api, &sandbox).await?;
        a_program_that_never_ends_is_killed(&api, &sandbox).await?;
        a_flood_is_cut_in_bounded_memory(stack, &sandbox).await?;
        api.kill(&sandbox).await
    })
    .await
}

async fn bytes_that_are_no_text_come_as_base64(api: &Api, sandbox: &str) -> Result<()> {
    let script = r"printf '\000\377\200'; printf plain >&2";
    let output = api
        .exec(sandbox, &json!({"cmd": "bash", "args": ["-c", script]}))
        .await?;
    assert_eq!(output.encoding, "base64");
    assert_eq!(STANDARD.decode(output.stdout)?, [0, 0xff, 0x80]);
    assert_eq!(STANDARD.decode(output.stderr)?, b"plain");
    Ok(())
}

async fn a_program_that_is_not_there_is_named(api: &Api, sandbox: &str) -> Result<()> {
    let path = format!("/v1/sandboxes/{sandbox}/exec");
    let answer = api
        .send(Method::POST, &path, &json!({"cmd": "no-such-program"}))
        .await?;
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(
        answer.error_code().as_deref(),
        Some("command_not_started"),
        "{body}"
    );
    assert!(body.contains("no-such-program"), "{body}");
    Ok(())
}

async fn a_program_that_never_ends_is_killed(api: &Api, sandbox: &str) -> Result<()> {
    let script = "echo before; sleep 600 & wait";
    let request = json!({"cmd": "sh", "args": ["-c", script], "timeout_sec": 2});
    let output = api.exec(sandbox, &request).await?;
    assert!(output.timed_out && output.exit_code == 124, "{output:?}");
    assert_eq!(output.stdout, "before\n");
    assert!((2000..20_000).contains(&output.duration_ms), "{output:?}");
    // Nothing of it goes on inside: the guest's own process list is asked.
    let left = api
        .exec(
            sandbox,
            &json!({"cmd": "sh", "args": ["-c", "ps | grep -c '[s]leep 600' || true"]}),
        )
        .await?;
    assert_eq!(left.stdout.trim(), "0", "{left:?}");
    Ok(())
}

/// Bytes that the program writes; what is kept of them is far less.
const FLOOD: u64 = 100_000_000;
/// How far the peak of a process of ours may rise while they pass through it, in KiB.
const MAY_RISE: u64 = 64 * 1024;

async fn a_flood_is_cut_in_bounded_memory(stack: &Stack, sandbox: &str) -> Result<()> {
    let roles = [Role::Host, Role::Gateway, Role::Reconciler];
    let before = roles.map(|role| memory_kib(stack, role, "VmRSS:"));
    let script = format!("head -c {FLOOD} /dev/zero | tr '\\000' x");
    let request = json!({"cmd": "sh", "args": ["-c", script], "timeout_sec": 150});
    let output = tokio::time::timeout(Duration::from_mins(3), stack.api().exec(sandbox, &request)).await??;
    assert_eq!(
        (output.stdout_bytes, output.exit_code, output.truncated),
        (FLOOD, 0, true)
    );
    assert!(!output.stdout.is_empty() && (output.stdout.len() as u64) < FLOOD);
    assert!(output.stdout.bytes().all(|b| b == b'x'));
    for (role, before) in roles.into_iter().zip(before) {
        let (before, peak) = (before?, memory_kib(stack, role, "VmHWM:")?);
        assert!(
            peak < before + MAY_RISE,
            "the {} rose from {before} to {peak} KiB",
            role.name()
        );
    }
    Ok(())
}

pub(crate) fn memory_kib(stack: &Stack, role: Role, field: &str) -> Result<u64> {
    let pid = stack.process(role)?.pid().context("it runs")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .context("every process has it")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
