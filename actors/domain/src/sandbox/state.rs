//! What a sandbox is, and how each event changes it.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::event::{
    Cause, Pausing, Placed, ProcessOrigin, Requested, Resuming, Running, SandboxEvent, SnapshotCompacted,
    StopReason,
};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{Generation, ProcessId, SnapshotId, TemplateName, Timestamp};
use serde::{Deserialize, Serialize};

use super::snapshot::MAX_SNAPSHOTS;
use crate::Rejection;
use crate::bugs::{self, Bug};

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
    /// Its host seals it.
    Pausing,
    /// It stands still in its host's store.
    Paused,
    /// Its host restores it.
    Resuming,
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
    /// Every one that a sandbox can be seen in, in the order of its life.
    pub const SEEN: [Self; 11] = [
        Self::Requested,
        Self::Placed,
        Self::Starting,
        Self::Running,
        Self::Pausing,
        Self::Paused,
        Self::Resuming,
        Self::Stopping,
        Self::Stopped,
        Self::Lost,
        Self::Failed,
    ];

    /// The word that users see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Requested => "requested",
            Self::Placed => "placed",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
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
    /// The snapshot that it was made from, or last paused as; what a start or a resume restores.
    pub base: Option<Snapshot>,
    /// The last pause, done or not.
    pub pausing: Option<Pausing>,
    /// The last resume, done or not.
    pub resuming: Option<Resuming>,
    /// The newest snapshots of it, the last taken last.
    pub snapshots: Vec<Snapshot>,
    /// Of these, what each was called before it was written anew.
    pub compacted: BTreeMap<SnapshotId, SnapshotId>,
    /// Snapshots that were asked for and are not taken, or not yet saved as the template that they are to become.
    pub asked: BTreeMap<SnapshotId, Option<TemplateName>>,
    /// Whether it is paused only because its host was down, and is to run again.
    pub reverted: bool,
    /// Why it is being or was stopped.
    pub stop_reason: Option<StopReason>,
    /// Why it was lost, or failed, or could not be started, paused or resumed the last time.
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

    /// One of its own snapshots, by its id or by one that it had before it was written anew.
    pub fn snapshot(&self, id: &SnapshotId) -> Option<&Snapshot> {
        let id = self.compacted.get(id).unwrap_or(id);
        self.snapshots.iter().find(|snapshot| snapshot.id == *id)
    }

    /// Whether a snapshot of it has this id, or is to have it.
    pub(super) fn knows(&self, id: &SnapshotId) -> bool {
        self.asked.contains_key(id) || self.snapshot(id).is_some()
    }

    /// Everything in its host's store that it needs, or that may be forked from.
    pub fn references(&self) -> impl Iterator<Item = &SnapshotId> {
        // As long as there is a VM, its pages come from what it was restored from, and a diff is one to that.
        let vm = matches!(self.phase, Phase::Running | Phase::Pausing | Phase::Stopping);
        let running = self.running.as_ref().filter(|_| vm);
        let restored = running.and_then(|running| running.restored_from.as_ref());
        let sealed = self
            .base
            .iter()
            .chain(&self.snapshots)
            .map(|snapshot| &snapshot.id);
        // It may be sealed before the log knows.
        let pausing = self.pausing.as_ref().filter(|_| self.phase == Phase::Pausing);
        let pausing = pausing.map(|pausing| &pausing.snapshot);
        sealed.chain(self.asked.keys()).chain(restored).chain(pausing)
    }

    /// Whether it still ends at `due`: it was not given more time, or less, since somebody looked. Whether that has come
    /// is for the one who looked to say, whose clock nobody sets.
    pub(super) fn ends_at(&self, due: Option<Timestamp>) -> bool {
        due.is_some() && self.expires_at == due
    }

    /// The running programs that commands started: their host carries their output. Of the others their agent tells.
    pub fn commanded(&self) -> BTreeSet<ProcessId> {
        let commanded = self.processes.iter().filter(|(_, origin)| origin.is_command());
        commanded.map(|(process, _)| process.clone()).collect()
    }

    pub(super) fn fence(&self, given: Generation) -> Result<(), Rejection> {
        let current = self.generation();
        if given == current || bugs::has(Bug::SkipGenerationCheck) {
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
            sandbox.base.clone_from(&requested.from);
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
            sandbox.reverted = false;
        }
        SandboxEvent::Pausing(pausing) => {
            sandbox.phase = Phase::Pausing;
            sandbox.pausing = Some(pausing.clone());
        }
        SandboxEvent::Paused(paused) => {
            sandbox.phase = Phase::Paused;
            sandbox.expires_at = None;
            sandbox.cause = None;
            sandbox.base = Some(paused.snapshot.clone());
            keep(sandbox, &paused.snapshot);
        }
        SandboxEvent::PauseFailed(failed) => {
            sandbox.phase = Phase::Running;
            sandbox.cause = Some(failed.cause.clone());
        }
        SandboxEvent::Resuming(resuming) => {
            sandbox.phase = Phase::Resuming;
            sandbox.resuming = Some(resuming.clone());
        }
        SandboxEvent::ResumeFailed(failed) => {
            sandbox.phase = Phase::Paused;
            // Its host could not: then it is for whoever owns it to try again. A host that went down has not tried.
            sandbox.reverted &= failed.cause == Cause::HostDown;
            sandbox.cause = Some(failed.cause.clone());
        }
        SandboxEvent::SnapshotAsked(asked) => {
            sandbox.asked.insert(asked.snapshot.clone(), asked.name.clone());
        }
        SandboxEvent::SnapshotTaken(taken) => {
            keep(sandbox, &taken.snapshot);
            // What is to become a template is waited for until it is one.
            if sandbox.asked.get(&taken.snapshot.id) == Some(&None) {
                sandbox.asked.remove(&taken.snapshot.id);
            }
        }
        SandboxEvent::SnapshotFailed(failed) => {
            sandbox.asked.remove(&failed.snapshot);
        }
        SandboxEvent::TemplateSaved(saved) => {
            sandbox.asked.remove(&saved.snapshot);
        }
        SandboxEvent::SnapshotCompacted(compacted) => rename(sandbox, compacted),
        SandboxEvent::ProcessStarted(started) => {
            sandbox.processes.insert(started.process.clone(), started.origin);
        }
        SandboxEvent::ProcessExited(exited) => {
            sandbox.processes.remove(&exited.process);
        }
        SandboxEvent::TimeoutSet(set) => sandbox.expires_at = Some(set.expires_at),
        SandboxEvent::NetworkSet(set) => sandbox.network = set.policy.clone(),
        SandboxEvent::Reverted(reverted) => {
            sandbox.phase = Phase::Paused;
            sandbox.expires_at = None;
            sandbox.base = Some(reverted.snapshot.clone());
            sandbox.cause = Some(reverted.cause.clone());
            sandbox.reverted = true;
        }
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
        // It was so already.
        SandboxEvent::Confirmed(_) => {}
    }
}

/// Adds a snapshot as the newest, and forgets the oldest if there are too many.
fn keep(sandbox: &mut Sandbox, newest: &Snapshot) {
    let snapshots = &mut sandbox.snapshots;
    if snapshots.len() == MAX_SNAPSHOTS {
        snapshots.remove(0);
    }
    snapshots.push(newest.clone());
    let kept = |id: &SnapshotId| snapshots.iter().any(|known| known.id == *id);
    sandbox.compacted.retain(|_, now| kept(now));
}

/// Puts what was written anew in the place of what it was made from.
fn rename(sandbox: &mut Sandbox, compacted: &SnapshotCompacted) {
    let known = sandbox.snapshots.iter_mut().chain(&mut sandbox.base);
    for snapshot in known.filter(|known| known.id == compacted.replaced) {
        *snapshot = compacted.snapshot.clone();
    }
    let new = &compacted.snapshot.id;
    for now in sandbox.compacted.values_mut() {
        if *now == compacted.replaced {
            now.clone_from(new);
        }
    }
    if sandbox.snapshots.iter().any(|known| known.id == *new) {
        sandbox.compacted.insert(compacted.replaced.clone(), new.clone());
    }
}
