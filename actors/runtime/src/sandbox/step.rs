//! Which step a state calls for: pure, so that a restart comes to the same answer.

use std::time::Duration;

use roost_domain::sandbox::{MAX_SOURCES, Phase, Sandbox};
use roost_schemas::{Generation, SnapshotId, TemplateName};

/// The first pause before a boot is tried again; each further one is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// One idempotent piece of work for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Boot it, or restore what it starts from; undone as a whole if that fails.
    Start {
        /// To be waited for first.
        after: Duration,
    },
    /// Restore what it is paused as; undone as a whole if that fails.
    Resume,
    /// Find the VM that an earlier life of this host started.
    Attach,
    /// Let the slot carry out the network policy.
    Apply,
    /// Seal it.
    Pause,
    /// Take a snapshot and let it run on.
    Snapshot(SnapshotId),
    /// Let the log know a snapshot as a template.
    Save(SnapshotId, TemplateName),
    /// Write what it is paused as anew.
    Compact,
    /// Destroy and release what a placement held that a pause has ended.
    Free(Generation),
    /// Destroy and release everything.
    Release {
        /// The placement before, if what it held may not be freed yet.
        before: Option<Generation>,
    },
}

impl Step {
    /// Its name among figures and in traces.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Resume => "resume",
            Self::Attach => "attach",
            Self::Apply => "apply",
            Self::Pause => "pause",
            Self::Snapshot(_) => "snapshot",
            Self::Save(..) => "save",
            Self::Compact => "compact",
            Self::Free(_) => "free",
            Self::Release { .. } => "release",
        }
    }
}

/// How far a life of the host has a VM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// It has not found it.
    #[default]
    None,
    /// It holds it.
    Attached,
    /// And its slot carries out the network policy that the sandbox has now.
    Applied,
}

/// What this life of the host knows to be done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// How far it has the VM.
    pub vm: Hold,
    /// The newest placement that is freed.
    pub freed: Generation,
    /// What it is paused as cannot be written anew.
    pub uncompactable: bool,
    /// Everything was released.
    pub released: bool,
}

/// What is to be done about `sandbox` on its host.
pub(super) fn next(sandbox: &Sandbox, held: Held) -> Option<Step> {
    match sandbox.phase {
        Phase::Starting => Some(Step::Start {
            after: backoff(sandbox.failed_starts),
        }),
        Phase::Running if held.vm == Hold::None => Some(Step::Attach),
        Phase::Running if held.vm == Hold::Attached => Some(Step::Apply),
        Phase::Running => save(sandbox).or_else(|| untaken(sandbox).cloned().map(Step::Snapshot)),
        Phase::Pausing => Some(Step::Pause),
        // Before anything else, so that it never has memory twice.
        Phase::Paused if held.freed < sandbox.generation() => Some(Step::Free(sandbox.generation())),
        Phase::Resuming => Some(before(sandbox, held).map_or(Step::Resume, Step::Free)),
        Phase::Paused => save(sandbox).or_else(|| compact(sandbox, held)),
        Phase::Stopping | Phase::Stopped | Phase::Lost | Phase::Failed if !held.released => {
            Some(Step::Release {
                before: before(sandbox, held),
            })
        }
        _ => None,
    }
}

impl Step {
    /// Whether a step that is under way may go on to its end.
    pub(super) fn is_wanted(&self, sandbox: &Sandbox) -> bool {
        match self {
            Self::Start { .. } => sandbox.phase == Phase::Starting,
            Self::Resume => sandbox.phase == Phase::Resuming,
            Self::Attach | Self::Apply | Self::Snapshot(_) => sandbox.phase == Phase::Running,
            Self::Pause => sandbox.phase == Phase::Pausing,
            Self::Save(..) => matches!(sandbox.phase, Phase::Running | Phase::Paused),
            Self::Compact => sandbox.phase == Phase::Paused && sandbox.asked.is_empty(),
            Self::Free(_) => matches!(sandbox.phase, Phase::Paused | Phase::Resuming),
            Self::Release { .. } => true,
        }
    }
}

/// A snapshot that was asked for and is not taken.
pub(super) fn untaken(sandbox: &Sandbox) -> Option<&SnapshotId> {
    sandbox.asked.keys().find(|id| sandbox.snapshot(id).is_none())
}

fn save(sandbox: &Sandbox) -> Option<Step> {
    sandbox.asked.iter().find_map(|(id, name)| {
        let taken = sandbox.snapshot(id).is_some();
        taken.then(|| Some(Step::Save(id.clone(), name.clone()?)))?
    })
}

fn compact(sandbox: &Sandbox, held: Held) -> Option<Step> {
    let deep = sandbox.base.as_ref()?.sources > MAX_SOURCES;
    (deep && sandbox.asked.is_empty() && !held.uncompactable).then_some(Step::Compact)
}

/// The placement before this one, unless it is known to be freed.
fn before(sandbox: &Sandbox, held: Held) -> Option<Generation> {
    let before = Generation(sandbox.generation().0.saturating_sub(1));
    (held.freed < before).then_some(before)
}

fn backoff(failed: u32) -> Duration {
    match failed {
        0 => Duration::ZERO,
        n => FIRST_BACKOFF * 2u32.saturating_pow(n - 1),
    }
}

#[cfg(test)]
mod tests;
