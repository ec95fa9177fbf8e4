//! `ProcessAsked`: admit a program that somebody starts through the sandbox's agent.

use roost_schemas::Generation;
use roost_schemas::event::{ProcessStarted, SandboxEvent};

use super::exec::MAX_PROCESSES;
use super::{Phase, Sandbox};
use crate::Rejection;

pub(super) fn decide(
    sandbox: &Sandbox,
    generation: Generation,
    started: &ProcessStarted,
) -> Result<Vec<SandboxEvent>, Rejection> {
    sandbox.fence(generation)?;
    if sandbox.phase != Phase::Running {
        return Err(sandbox.refuse("a process", "running"));
    }
    if sandbox.processes.contains(&started.process) {
        return Ok(Vec::new());
    }
    if sandbox.processes.len() >= MAX_PROCESSES {
        return Err(Rejection::TooMany {
            what: "processes running",
            limit: MAX_PROCESSES,
        });
    }
    Ok(vec![SandboxEvent::ProcessStarted(started.clone())])
}
