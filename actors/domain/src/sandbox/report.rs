//! A host's reports: what became of the steps it took, and what it saw happen.
//!
//! A report of an older placement is refused; one that tells nothing new leads to nothing.

use std::time::Duration;

use roost_schemas::event::{
    ActorCrashed, Cause, EngineKind, ExitStatus, Failed, Lost, ProcessExited, ResumeFailed, Running,
    SandboxEvent, StartFailed,
};
use roost_schemas::{Generation, SnapshotId, Timestamp};

use super::{Phase, ProcessEnd, Sandbox};
use crate::Rejection;

/// Boots that are tried in one placement before the sandbox is declared failed.
pub const MAX_START_ATTEMPTS: u32 = 3;
/// Panics of its actor that one placement survives.
pub const MAX_CRASHES: u32 = 3;

type Decided = Result<Vec<SandboxEvent>, Rejection>;

pub(super) fn started(
    sandbox: &Sandbox,
    generation: Generation,
    (engine, engine_version, boot_ms, restored_from): (EngineKind, &str, u64, Option<&SnapshotId>),
    at: Timestamp,
) -> Decided {
    sandbox.fence(generation)?;
    let asked = sandbox
        .requested
        .as_ref()
        .map_or(0, |requested| requested.spec.timeout_sec);
    let (lifetime, first) = match sandbox.phase {
        Phase::Running => return Ok(Vec::new()),
        Phase::Starting => (asked, None),
        Phase::Resuming => (
            sandbox
                .resuming
                .as_ref()
                .map_or(asked, |resuming| resuming.timeout_sec),
            sandbox.running.as_ref().map(|running| running.started_at),
        ),
        _ => return Err(sandbox.refuse("report of a start", "starting or resuming")),
    };
    Ok(vec![SandboxEvent::Running(Running {
        generation,
        engine,
        engine_version: engine_version.to_owned(),
        boot_ms,
        restored_from: restored_from.cloned(),
        started_at: first.unwrap_or(at),
        expires_at: at.plus(Duration::from_secs(lifetime.into())),
    })])
}

pub(super) fn start_failed(sandbox: &Sandbox, generation: Generation, cause: &Cause) -> Decided {
    sandbox.fence(generation)?;
    if sandbox.phase != Phase::Starting {
        return Err(sandbox.refuse("report of a failed boot", "starting"));
    }
    let attempt = sandbox.failed_starts.saturating_add(1);
    let mut events = vec![SandboxEvent::StartFailed(StartFailed {
        generation,
        attempt,
        cause: cause.clone(),
    })];
    // What is wrong with a snapshot is wrong with it the next time as well.
    let hopeless = sandbox.base.is_some() && matches!(cause, Cause::SnapshotUnusable { .. });
    if hopeless || attempt >= MAX_START_ATTEMPTS {
        events.push(SandboxEvent::Failed(Failed { cause: cause.clone() }));
    }
    Ok(events)
}

pub(super) fn process_ended(sandbox: &Sandbox, end: &ProcessEnd) -> Vec<SandboxEvent> {
    // A process that the end of its sandbox has already closed is not closed twice.
    if !sandbox.processes.contains_key(&end.process) {
        return Vec::new();
    }
    vec![SandboxEvent::ProcessExited(ProcessExited {
        process: end.process.clone(),
        status: end.status.clone(),
        duration_ms: end.duration_ms,
        stdout_bytes: end.stdout_bytes,
        stderr_bytes: end.stderr_bytes,
    })]
}

pub(super) fn ended(sandbox: &Sandbox, generation: Generation) -> Decided {
    sandbox.fence(generation)?;
    match sandbox.phase {
        Phase::Stopping => Ok(closing(sandbox, "the sandbox was stopped", SandboxEvent::Stopped)),
        phase if phase.is_end() => Ok(Vec::new()),
        _ => Err(sandbox.refuse("report of the end", "stopping")),
    }
}

pub(super) fn vanished(sandbox: &Sandbox, generation: Generation, cause: &Cause) -> Decided {
    sandbox.fence(generation)?;
    match sandbox.phase {
        Phase::Running | Phase::Pausing => {
            let lost = SandboxEvent::Lost(Lost {
                generation,
                cause: cause.clone(),
            });
            Ok(closing(sandbox, "the sandbox was lost", lost))
        }
        // A paused one has nothing left to lose.
        Phase::Paused | Phase::Stopping => Ok(Vec::new()),
        phase if phase.is_end() => Ok(Vec::new()),
        _ => Err(sandbox.refuse("report of a loss", "running")),
    }
}

pub(super) fn crashed(sandbox: &Sandbox, generation: Generation, message: &str) -> Decided {
    sandbox.fence(generation)?;
    if sandbox.phase == Phase::Absent {
        // What never came to be leaves no trace: its id stays free.
        return Err(Rejection::Absent {
            command: "report of a crash",
        });
    }
    if sandbox.phase.is_end() {
        return Ok(Vec::new());
    }
    let count = sandbox.crashes.saturating_add(1);
    let message = message.chars().take(500).collect();
    let mut events = vec![SandboxEvent::ActorCrashed(ActorCrashed {
        generation,
        count,
        message,
    })];
    let cause = Cause::ActorCrashed;
    match sandbox.phase {
        _ if count <= MAX_CRASHES => {}
        // What it is paused as is in the store, whatever its actor does.
        Phase::Paused => {}
        Phase::Resuming => events.push(SandboxEvent::ResumeFailed(ResumeFailed { generation, cause })),
        _ => {
            let lost = SandboxEvent::Lost(Lost { generation, cause });
            events.extend(closing(sandbox, "the sandbox was lost", lost));
        }
    }
    Ok(events)
}

/// The last events of a sandbox: whatever still ran in it ended with it.
pub(super) fn closing(sandbox: &Sandbox, reason: &str, last: SandboxEvent) -> Vec<SandboxEvent> {
    let close = |process: &roost_schemas::ProcessId| {
        SandboxEvent::ProcessExited(ProcessExited {
            process: process.clone(),
            status: ExitStatus::Unknown {
                reason: reason.to_owned(),
            },
            duration_ms: 0,
            stdout_bytes: 0,
            stderr_bytes: 0,
        })
    };
    sandbox.processes.keys().map(close).chain([last]).collect()
}
