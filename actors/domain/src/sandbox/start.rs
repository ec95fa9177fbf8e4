//! `Start`: the chosen host sets out to boot.

use roost_schemas::command::Start;
use roost_schemas::event::{SandboxEvent, Starting};

use super::{Phase, Sandbox};
use crate::Rejection;

pub(super) fn decide(sandbox: &Sandbox, start: Start) -> Result<Vec<SandboxEvent>, Rejection> {
    if sandbox.phase == Phase::Absent {
        return Err(Rejection::Absent { command: "start" });
    }
    sandbox.fence(start.generation)?;
    Ok(match sandbox.phase {
        Phase::Placed => vec![SandboxEvent::Starting(Starting {
            generation: start.generation,
        })],
        _ => Vec::new(),
    })
}
