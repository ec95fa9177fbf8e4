//! `Exec`: admit a program.

use std::ops::RangeInclusive;

use roost_schemas::ProcessId;
use roost_schemas::command::{Exec, MAX_EXEC_TIMEOUT_SEC, PtySize};
use roost_schemas::event::{ProcessOrigin, ProcessStarted, SandboxEvent};

use super::create::{check_env, within};
use super::{Phase, Sandbox};
use crate::Rejection;

/// Programs that may run in one sandbox at a time, however they were started.
pub const MAX_PROCESSES: usize = 1024;
/// Bytes of a program's name and arguments together; the guest's kernel stops at 128 KiB for one.
const MAX_ARGS_BYTES: usize = 128 * 1024;
/// Columns, or rows, that a terminal may have.
const PTY_SIDE: RangeInclusive<u32> = 1..=4096;

pub(super) fn decide(
    sandbox: &Sandbox,
    process: &ProcessId,
    exec: &Exec,
) -> Result<Vec<SandboxEvent>, Rejection> {
    check(exec)?;
    if sandbox.phase != Phase::Running {
        return Err(sandbox.refuse("exec", "running"));
    }
    if sandbox.processes.contains_key(process) {
        return Ok(Vec::new());
    }
    if sandbox.processes.len() >= MAX_PROCESSES {
        return Err(Rejection::TooMany {
            what: "processes running",
            limit: MAX_PROCESSES,
        });
    }
    Ok(vec![SandboxEvent::ProcessStarted(ProcessStarted {
        process: process.clone(),
        cmd: exec.cmd.clone(),
        args: exec.args.clone(),
        cwd: exec.cwd.clone(),
        user: exec.user.clone(),
        timeout_sec: Some(exec.timeout_sec),
        pty: exec.pty.is_some(),
        tag: None,
        origin: ProcessOrigin::Command,
    })])
}

fn check(exec: &Exec) -> Result<(), Rejection> {
    if exec.cmd.is_empty() {
        return Err(Rejection::invalid("cmd", &exec.cmd, "name a program"));
    }
    let words = || {
        std::iter::once(&exec.cmd)
            .chain(&exec.args)
            .chain(&exec.cwd)
            .chain(&exec.user)
    };
    if let Some(word) = words().find(|word| word.contains('\0')) {
        return Err(Rejection::invalid(
            "cmd, args, cwd or user",
            word,
            "no word of a command has a NUL",
        ));
    }
    let bytes: usize = words().map(String::len).sum();
    if bytes > MAX_ARGS_BYTES {
        return Err(Rejection::invalid(
            "cmd, args, cwd and user",
            bytes,
            format!("at most {MAX_ARGS_BYTES} bytes together"),
        ));
    }
    within("timeout_sec", exec.timeout_sec, 1..=MAX_EXEC_TIMEOUT_SEC)?;
    if let Some(PtySize { cols, rows }) = exec.pty {
        within("pty.cols", cols.into(), PTY_SIDE)?;
        within("pty.rows", rows.into(), PTY_SIDE)?;
    }
    check_env("env", &exec.env)
}
