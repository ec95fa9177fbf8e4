//! `Resume`: place a paused sandbox anew, on the host that has its snapshot.

use roost_schemas::Generation;
use roost_schemas::command::Resume;
use roost_schemas::event::{Cause, Placed, ResumeFailed, Resuming, SandboxEvent};
use roost_schemas::spec::TIMEOUT_SEC;

use super::create::within;
use super::{Phase, Sandbox};
use crate::Rejection;

type Decided = Result<Vec<SandboxEvent>, Rejection>;

pub(super) fn decide(sandbox: &Sandbox, resume: Resume) -> Decided {
    if let Some(timeout) = resume.timeout_sec {
        within("timeout_sec", timeout, TIMEOUT_SEC)?;
    }
    match (sandbox.phase, &sandbox.base, &sandbox.requested) {
        (Phase::Running | Phase::Resuming, ..) => Ok(Vec::new()),
        (Phase::Paused, Some(base), Some(requested)) => {
            let generation = sandbox.generation().next();
            Ok(vec![
                SandboxEvent::Placed(Placed {
                    host: base.host.clone(),
                    generation,
                }),
                SandboxEvent::Resuming(Resuming {
                    generation,
                    timeout_sec: resume.timeout_sec.unwrap_or(requested.spec.timeout_sec),
                }),
            ])
        }
        _ => Err(sandbox.refuse("resume", "paused")),
    }
}

pub(super) fn failed(sandbox: &Sandbox, generation: Generation, cause: &Cause) -> Decided {
    sandbox.fence(generation)?;
    match sandbox.phase {
        Phase::Resuming => Ok(vec![SandboxEvent::ResumeFailed(ResumeFailed {
            generation,
            cause: cause.clone(),
        })]),
        phase if phase.is_end() || phase == Phase::Stopping => Ok(Vec::new()),
        _ => Err(sandbox.refuse("report of a failed resume", "resuming")),
    }
}
