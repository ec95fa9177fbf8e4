//! The diagram of a sandbox, as somebody reads it who has not written it.

use std::time::Duration;

use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::event::{PauseReason, SandboxEvent, StopReason};
use roost_schemas::{Generation, Timestamp};

use super::history::Life;
use super::rule;

type Broken = (&'static str, String);

/// Whether `event` may happen to `sandbox`.
pub(super) fn follows(sandbox: &Sandbox, event: &SandboxEvent) -> Result<(), Broken> {
    if let SandboxEvent::Placed(placed) = event {
        let next = sandbox.generation().next();
        if placed.generation != next {
            let detail = format!("placed as {}, where {next} comes next", placed.generation);
            return Err((rule::GENERATION, detail));
        }
    } else if let Some(told) = generation(event)
        && told != sandbox.generation()
    {
        let detail = format!("{event:?} is told of {}", sandbox.generation());
        return Err((rule::GENERATION, detail));
    }
    if !may_follow(sandbox, event) {
        let detail = format!("{event:?} happens while it is {}", sandbox.phase.as_str());
        return Err((rule::LIFE, detail));
    }
    Ok(())
}

/// The placement that `event` names.
fn generation(event: &SandboxEvent) -> Option<Generation> {
    Some(match event {
        SandboxEvent::Placed(event) => event.generation,
        SandboxEvent::Starting(event) => event.generation,
        SandboxEvent::StartFailed(event) => event.generation,
        SandboxEvent::Running(event) => event.generation,
        SandboxEvent::Pausing(event) => event.generation,
        SandboxEvent::Paused(event) => event.generation,
        SandboxEvent::PauseFailed(event) => event.generation,
        SandboxEvent::Resuming(event) => event.generation,
        SandboxEvent::ResumeFailed(event) => event.generation,
        SandboxEvent::Reverted(event) => event.generation,
        SandboxEvent::Lost(event) => event.generation,
        SandboxEvent::ActorCrashed(event) => event.generation,
        _ => return None,
    })
}

fn may_follow(sandbox: &Sandbox, event: &SandboxEvent) -> bool {
    use Phase::{Absent, Paused, Pausing, Placed, Requested, Resuming, Running, Starting, Stopping};
    let phase = sandbox.phase;
    let vm_or_before = [Placed, Starting, Running, Pausing];
    match event {
        SandboxEvent::Requested(_) => phase == Absent,
        SandboxEvent::Placed(_) => matches!(phase, Requested | Paused),
        SandboxEvent::Starting(_) | SandboxEvent::Resuming(_) => phase == Placed,
        SandboxEvent::StartFailed(_) | SandboxEvent::Failed(_) => phase == Starting,
        SandboxEvent::Running(_) => matches!(phase, Starting | Resuming),
        SandboxEvent::ProcessStarted(started) => {
            phase == Running && !sandbox.processes.contains_key(&started.process)
        }
        SandboxEvent::ProcessExited(exited) => {
            !phase.is_end() && sandbox.processes.contains_key(&exited.process)
        }
        SandboxEvent::TimeoutSet(_) | SandboxEvent::NetworkSet(_) | SandboxEvent::Pausing(_) => {
            phase == Running
        }
        SandboxEvent::Paused(_) | SandboxEvent::PauseFailed(_) => phase == Pausing,
        SandboxEvent::ResumeFailed(_) => phase == Resuming,
        SandboxEvent::SnapshotAsked(asked) => {
            matches!(phase, Running | Paused) && !sandbox.asked.contains_key(&asked.snapshot)
        }
        SandboxEvent::SnapshotTaken(taken) => sandbox.asked.contains_key(&taken.snapshot.id),
        SandboxEvent::SnapshotFailed(failed) => sandbox.asked.contains_key(&failed.snapshot),
        SandboxEvent::TemplateSaved(saved) => sandbox.asked.contains_key(&saved.snapshot),
        SandboxEvent::SnapshotCompacted(_) => phase == Paused,
        SandboxEvent::Stopping(_) => phase != Absent && phase != Stopping && !phase.is_end(),
        SandboxEvent::Stopped => phase == Stopping,
        SandboxEvent::Lost(_) => vm_or_before.contains(&phase) || phase == Stopping,
        SandboxEvent::Reverted(_) => vm_or_before.contains(&phase),
        SandboxEvent::ActorCrashed(_) | SandboxEvent::Confirmed(_) => phase != Absent && !phase.is_end(),
    }
}

/// How long a host may take to tell the log that a sandbox runs, whose time counts from when it set out to tell.
const TELLING: Duration = Duration::from_secs(20);

/// How far two clocks that nobody has set are apart at most.
const APART: Duration = Duration::from_secs(2);

/// Whether `event`, stored at `now` by the time of the world, ends a sandbox's time before it is over.
pub(super) fn in_time(life: &mut Life, event: &SandboxEvent, told: Told) -> Result<(), String> {
    let Told { at, stored, now } = told;
    match event {
        SandboxEvent::Running(running) => {
            life.ends = Some((now + running.expires_at.since(at)).saturating_sub(TELLING));
        }
        SandboxEvent::TimeoutSet(set) => {
            let waited = stored.since(at);
            life.ends = Some((now + set.expires_at.since(at)).saturating_sub(waited));
        }
        SandboxEvent::Stopping(stopping) if stopping.reason == StopReason::TimedOut => life.over(now)?,
        SandboxEvent::Pausing(pausing) if pausing.reason == PauseReason::TimedOut => life.over(now)?,
        _ => {}
    }
    Ok(())
}

/// When something was told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// As its commit says.
    pub(super) at: Timestamp,
    /// As the server says.
    pub(super) stored: Timestamp,
    /// By the time of the world.
    pub(super) now: Duration,
}

impl Life {
    fn over(&self, now: Duration) -> Result<(), String> {
        match self.ends {
            Some(ends) if now + APART < ends => {
                let early = ends.saturating_sub(now);
                Err(format!("it timed out {early:?} before its time"))
            }
            _ => Ok(()),
        }
    }
}
