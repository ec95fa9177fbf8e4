//! `ProcessAsked`: admit a program that somebody starts through the sandbox's agent.

use roost_schemas::Generation;
use roost_schemas::event::{ProcessStarted, SandboxEvent};

use super::exec::MAX_PROCESSES;
use super::{Phase, Sandbox};
use crate::Rejection;

/// Bytes of a program's words together: more than a kernel takes for one, and less than a message of the log.
const MAX_WORDS_BYTES: usize = 256 * 1024;

pub(super) fn decide(
    sandbox: &Sandbox,
    generation: Generation,
    started: &ProcessStarted,
) -> Result<Vec<SandboxEvent>, Rejection> {
    sandbox.fence(generation)?;
    if sandbox.phase != Phase::Running {
        return Err(sandbox.refuse("a process", "running"));
    }
    if sandbox.processes.contains_key(&started.process) {
        return Ok(Vec::new());
    }
    let words = [&started.cmd].into_iter().chain(&started.args);
    let words = words.chain(&started.cwd).chain(&started.user).chain(&started.tag);
    let bytes: usize = words.map(String::len).sum();
    if bytes > MAX_WORDS_BYTES {
        return Err(Rejection::invalid(
            "cmd, args, cwd, user and tag",
            bytes,
            format!("at most {MAX_WORDS_BYTES} bytes together"),
        ));
    }
    if sandbox.processes.len() >= MAX_PROCESSES {
        return Err(Rejection::TooMany {
            what: "processes running",
            limit: MAX_PROCESSES,
        });
    }
    Ok(vec![SandboxEvent::ProcessStarted(started.clone())])
}
