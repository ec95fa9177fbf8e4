//! A sandbox as its user sees it.

use std::collections::BTreeMap;

use roost_domain::fleet::View;
use roost_domain::sandbox::{Phase, Sandbox as State};
use roost_schemas::event::{Cause, EngineKind, StopReason};
use roost_schemas::{SandboxId, Sequence};
use serde::Serialize;
use utoipa::ToSchema;

use super::create::OnTimeout;
use super::network::Network;
use super::rfc3339;
use super::snapshot::Kept;

/// A sandbox. Environment variables are not told: they may be secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Sandbox {
    #[schema(pattern = "^[a-z0-9]{1,40}$")]
    id: String,
    state: SandboxState,
    /// What it started from.
    template: String,
    vcpus: u32,
    /// In MiB.
    memory_mb: u32,
    /// Seconds from running to `on_timeout`, as asked for at its creation.
    timeout_sec: u32,
    on_timeout: OnTimeout,
    /// Whether a request for what is in it resumes it when it is paused.
    auto_resume: bool,
    metadata: BTreeMap<String, String>,
    network: Network,
    /// The host it is placed on.
    host: Option<String>,
    /// The fencing number of that placement.
    generation: u64,
    /// What runs it, once it has run.
    engine: Option<String>,
    /// Milliseconds from the beginning of its last boot, or restore, to its guest's first answer.
    boot_ms: Option<u64>,
    /// The snapshot that it was last restored from; absent: it was booted.
    restored_from: Option<String>,
    /// The snapshot that it is paused as.
    paused_as: Option<String>,
    /// Its newest snapshots, the last taken last, of this life: forks can branch off at them.
    snapshots: Vec<Kept>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When its guest first answered.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When it times out.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Programs that run in it.
    processes: usize,
    /// Why it was stopped, if it was asked to stop.
    stop_reason: Option<StoppedBy>,
    /// Why it was lost or failed, or why its last boot, pause or resume did not succeed.
    cause: Option<Failure>,
    /// Where its last commit stands in the log.
    sequence: u64,
}

/// Where a sandbox stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SandboxState {
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
    /// It stands still, and can be resumed.
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

/// Why a sandbox was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoppedBy {
    /// Somebody asked.
    Requested,
    /// Its time was over.
    TimedOut,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Failure {
    kind: FailureKind,
    /// In words.
    message: String,
}

/// What went wrong, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// The engine process ended by itself.
    EngineExited,
    /// The engine or its guest did not answer in time.
    Unresponsive,
    /// A step on the host did not succeed.
    StepFailed,
    /// The process that served its memory died, and its engine was ended.
    PagerDied,
    /// A snapshot cannot be used.
    SnapshotUnusable,
    /// A restarted host found nothing of it.
    HostRestarted,
    /// Its host was silent for too long and was given up.
    HostDown,
    /// Its actor on the host crashed too often.
    ActorCrashed,
}

impl Sandbox {
    /// The view of `id` for its user; nothing before its request stands in the log.
    pub(crate) fn of(id: &SandboxId, view: &View<State>) -> Option<Self> {
        let sandbox = &view.state;
        let requested = sandbox.requested.as_ref()?;
        let running = sandbox.running.as_ref();
        let is_paused = matches!(sandbox.phase, Phase::Paused | Phase::Resuming);
        let paused_as = sandbox.base.as_ref().filter(|_| is_paused);
        Some(Self {
            id: id.to_string(),
            state: SandboxState::of(sandbox.phase)?,
            template: requested.spec.template.to_string(),
            vcpus: requested.resources.vcpus,
            memory_mb: requested.resources.memory_mb,
            timeout_sec: requested.spec.timeout_sec,
            on_timeout: requested.spec.on_timeout.into(),
            auto_resume: requested.spec.auto_resume,
            metadata: requested.spec.metadata.clone(),
            network: sandbox.network.clone().into(),
            host: sandbox.placed.as_ref().map(|placed| placed.host.to_string()),
            generation: sandbox.generation().0,
            engine: running.map(|running| format!("{} {}", engine(running.engine), running.engine_version)),
            boot_ms: running.map(|running| running.boot_ms),
            restored_from: running.and_then(|running| Some(running.restored_from.as_ref()?.to_string())),
            paused_as: paused_as.map(|base| base.id.to_string()),
            snapshots: sandbox.snapshots.iter().map(Kept::from).collect(),
            created_at: rfc3339(view.created_at),
            started_at: running.map(|running| rfc3339(running.started_at)),
            expires_at: sandbox.expires_at.map(rfc3339),
            updated_at: rfc3339(view.updated_at),
            processes: sandbox.processes.len(),
            stop_reason: sandbox.stop_reason.map(Into::into),
            cause: sandbox.cause.as_ref().map(Into::into),
            sequence: view.sequence.0,
        })
    }

    /// Where its last commit stands.
    pub(crate) fn sequence(&self) -> Sequence {
        Sequence(self.sequence)
    }
}

/// An engine's name.
pub(super) fn engine(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Firecracker => "firecracker",
        EngineKind::Qemu => "qemu",
    }
}

impl SandboxState {
    fn of(phase: Phase) -> Option<Self> {
        Some(match phase {
            Phase::Absent => return None,
            Phase::Requested => Self::Requested,
            Phase::Placed => Self::Placed,
            Phase::Starting => Self::Starting,
            Phase::Running => Self::Running,
            Phase::Pausing => Self::Pausing,
            Phase::Paused => Self::Paused,
            Phase::Resuming => Self::Resuming,
            Phase::Stopping => Self::Stopping,
            Phase::Stopped => Self::Stopped,
            Phase::Lost => Self::Lost,
            Phase::Failed => Self::Failed,
        })
    }
}

impl From<StopReason> for StoppedBy {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Requested => Self::Requested,
            StopReason::TimedOut => Self::TimedOut,
        }
    }
}

impl From<&Cause> for Failure {
    fn from(cause: &Cause) -> Self {
        let kind = match cause {
            Cause::EngineExited { .. } => FailureKind::EngineExited,
            Cause::Unresponsive { .. } => FailureKind::Unresponsive,
            Cause::StepFailed { .. } => FailureKind::StepFailed,
            Cause::PagerDied { .. } => FailureKind::PagerDied,
            Cause::SnapshotUnusable { .. } => FailureKind::SnapshotUnusable,
            Cause::HostRestarted => FailureKind::HostRestarted,
            Cause::HostDown => FailureKind::HostDown,
            Cause::ActorCrashed => FailureKind::ActorCrashed,
        };
        Self {
            kind,
            message: crate::describe::cause(cause),
        }
    }
}

/// A part of the list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SandboxPage {
    pub(crate) sandboxes: Vec<Sandbox>,
    /// What to send as `cursor` for the next part; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}
