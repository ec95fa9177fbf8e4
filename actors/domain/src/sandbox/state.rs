//! What a sandbox is, and how each event changes it.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::event::{Cause, Placed, ProcessOrigin, Requested, Running, SandboxEvent, StopReason};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Generation, ProcessId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Rejection;

/// Where a sandbox stands in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The log has nothing of it.
    #[default]
    Absent,
    /// Somebody asked for it.
    Requested,
    /// A host was chosen.
    Placed,
    /// Its host boots it.
    Starting,
    /// Its guest answers.
    Running,
    /// Its host tears it down.
    Stopping,
    /// It was ended.
    Stopped,
    /// It ended unasked.
    Lost,
    /// It never came to run.
    Failed,
}

impl Phase {
    /// The word that users see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Requested => "requested",
            Self::Placed => "placed",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing can follow.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Stopped | Self::Lost | Self::Failed)
    }
}

/// One sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Where it stands.
    pub phase: Phase,
    /// What was asked for.
    pub requested: Option<Requested>,
    /// Where it is placed.
    pub placed: Option<Placed>,
    /// How it came to run.
    pub running: Option<Running>,
    /// Boots that did not succeed in this placement.
    pub failed_starts: u32,
    /// Panics of its actor in this placement.
    pub crashes: u32,
    /// When it times out, once it runs.
    pub expires_at: Option<Timestamp>,
    /// What it may reach and who may reach it.
    pub network: NetworkPolicy,
    /// Programs that run in it, and by which way each was started.
    pub processes: BTreeMap<ProcessId, ProcessOrigin>,
    /// Why it is being or was stopped.
    pub stop_reason: Option<StopReason>,
    /// Why it was lost, or failed, or did not start the last time.
    pub cause: Option<Cause>,
}

impl Sandbox {
    /// The current placement's fencing number; zero before the first.
    pub fn generation(&self) -> Generation {
        self.placed
            .as_ref()
            .map(|placed| placed.generation)
            .unwrap_or_default()
    }

    /// The running programs that commands started: their host carries their output. Of the others their agent tells.
    pub fn commanded(&self) -> BTreeSet<ProcessId> {
        let commanded = self.processes.iter().filter(|(_, origin)| origin.is_command());
        commanded.map(|(process, _)| process.clone()).collect()
    }

    pub(super) fn fence(&self, given: Generation) -> Result<(), Rejection> {
        let current = self.generation();
        if given == current {
            Ok(())
        } else {
            Err(Rejection::StaleGeneration { given, current })
        }
    }

    pub(super) fn refuse(&self, command: &'static str, needs: &'static str) -> Rejection {
        if self.phase == Phase::Absent {
            return Rejection::Absent { command };
        }
        Rejection::InvalidState {
            state: self.phase.as_str(),
            command,
            needs,
        }
    }
}

pub(super) fn evolve(sandbox: &mut Sandbox, event: &SandboxEvent) {
    match event {
        SandboxEvent::Requested(requested) => {
            sandbox.phase = Phase::Requested;
            sandbox.network = requested.spec.network.clone();
            sandbox.requested = Some(requested.clone());
        }
        SandboxEvent::Placed(placed) => {
            sandbox.phase = Phase::Placed;
            sandbox.placed = Some(placed.clone());
            sandbox.failed_starts = 0;
            sandbox.crashes = 0;
        }
        SandboxEvent::Starting(_) => sandbox.phase = Phase::Starting,
        SandboxEvent::StartFailed(failed) => {
            sandbox.failed_starts = failed.attempt;
            sandbox.cause = Some(failed.cause.clone());
        }
        SandboxEvent::Running(running) => {
            sandbox.phase = Phase::Running;
            sandbox.expires_at = Some(running.expires_at);
            sandbox.running = Some(running.clone());
            sandbox.cause = None;
        }
        SandboxEvent::ProcessStarted(started) => {
            sandbox.processes.insert(started.process.clone(), started.origin);
        }
        SandboxEvent::ProcessExited(exited) => {
            sandbox.processes.remove(&exited.process);
        }
        SandboxEvent::TimeoutSet(set) => sandbox.expires_at = Some(set.expires_at),
        SandboxEvent::NetworkSet(set) => sandbox.network = set.policy.clone(),
        SandboxEvent::Stopping(stopping) => {
            sandbox.phase = Phase::Stopping;
            sandbox.stop_reason = Some(stopping.reason);
        }
        SandboxEvent::Stopped => sandbox.phase = Phase::Stopped,
        SandboxEvent::Lost(lost) => {
            sandbox.phase = Phase::Lost;
            sandbox.cause = Some(lost.cause.clone());
        }
        SandboxEvent::Failed(failed) => {
            sandbox.phase = Phase::Failed;
            sandbox.cause = Some(failed.cause.clone());
        }
        SandboxEvent::ActorCrashed(crashed) => sandbox.crashes = crashed.count,
    }
}
