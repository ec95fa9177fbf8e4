//! What happens to a sandbox.

mod kind;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::codec;
use crate::command::SandboxCommand;
use crate::id::{Generation, HostId, ProcessId, SnapshotId, TemplateName};
use crate::network::NetworkPolicy;
use crate::snapshot::Snapshot;
use crate::spec::{Resources, SandboxSpec};

/// A fact about one sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(
    tag = "type",
    content = "data",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum SandboxEvent {
    /// Somebody asked for it.
    Requested(Requested),
    /// A host was chosen.
    Placed(Placed),
    /// The host set out to boot it.
    Starting(Starting),
    /// A boot did not succeed; another is tried.
    StartFailed(StartFailed),
    /// Its guest answers.
    Running(Running),
    /// A program was admitted, and runs from here on.
    ProcessStarted(ProcessStarted),
    /// A program has ended.
    ProcessExited(ProcessExited),
    /// Its time was changed.
    TimeoutSet(TimeoutSet),
    /// What it may reach, or who may reach it, was changed.
    NetworkSet(NetworkSet),
    /// It is being sealed.
    Pausing(Pausing),
    /// Its snapshot is sealed; its host frees what it held.
    Paused(Paused),
    /// It could not be sealed, and runs on.
    PauseFailed(PauseFailed),
    /// Its host restores it.
    Resuming(Resuming),
    /// It could not be restored, and is paused as before.
    ResumeFailed(ResumeFailed),
    /// Somebody asked for a snapshot of it.
    SnapshotAsked(SnapshotAsked),
    /// That snapshot is sealed.
    SnapshotTaken(SnapshotTaken),
    /// That snapshot could not be taken.
    SnapshotFailed(SnapshotFailed),
    /// The template that a snapshot was asked for is there.
    TemplateSaved(TemplateSaved),
    /// A snapshot was written anew, with the same content, so that it no longer needs those before it.
    SnapshotCompacted(SnapshotCompacted),
    /// Its host is down, and it is paused again as it was sealed last; what came after that is lost.
    Reverted(Reverted),
    /// It is being ended.
    Stopping(Stopping),
    /// It has ended, and its host holds nothing of it.
    Stopped,
    /// It ended without being asked to.
    Lost(Lost),
    /// It never came to run.
    Failed(Failed),
    /// Its actor panicked and was started anew.
    ActorCrashed(ActorCrashed),
    /// A command asked for what was so already.
    Confirmed(Confirmed),
}

/// See [`SandboxEvent::Requested`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// What was asked for.
    pub spec: SandboxSpec,
    /// The same with the template's values filled in.
    pub resources: Resources,
    /// What it is restored from; absent: the template's image, booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Snapshot>,
}

/// See [`SandboxEvent::Placed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// The chosen host.
    pub host: HostId,
    /// The placement's fencing number.
    pub generation: Generation,
}

/// See [`SandboxEvent::Starting`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Starting {
    /// The placement.
    pub generation: Generation,
}

/// See [`SandboxEvent::StartFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StartFailed {
    /// The placement.
    pub generation: Generation,
    /// Which boot it was, from 1.
    pub attempt: u32,
    /// Why.
    pub cause: Cause,
}

/// See [`SandboxEvent::Running`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The placement.
    pub generation: Generation,
    /// What runs it.
    pub engine: EngineKind,
    /// That engine's version.
    pub engine_version: String,
    /// Milliseconds from the beginning of the boot, or of the restore, to the guest's first answer.
    pub boot_ms: u64,
    /// The snapshot it was restored from; absent: it was booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<SnapshotId>,
    /// When the guest first answered.
    pub started_at: Timestamp,
    /// When it times out.
    pub expires_at: Timestamp,
}

/// The VMM that runs a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// Firecracker, on hardware virtualization.
    Firecracker,
    /// QEMU behind Firecracker's API.
    Qemu,
}

/// See [`SandboxEvent::ProcessStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProcessStarted {
    /// Its id, unique in the sandbox.
    pub process: ProcessId,
    /// The program.
    pub cmd: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs; absent: the user's home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// As whom; absent: the template's default user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Seconds until it is killed; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_sec: Option<u32>,
    /// Whether it has a terminal.
    #[serde(default, skip_serializing_if = "codec::is_false")]
    pub pty: bool,
    /// The name its starter gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// By which way it was started.
    #[serde(default, skip_serializing_if = "ProcessOrigin::is_command")]
    pub origin: ProcessOrigin,
}

/// By which way a process was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProcessOrigin {
    /// By a command.
    #[default]
    Command,
    /// By a call to the sandbox's agent, which holders of its access token may make.
    Agent,
}

impl ProcessOrigin {
    /// Whether it was started by a command.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub fn is_command(&self) -> bool {
        *self == Self::Command
    }
}

/// See [`SandboxEvent::ProcessExited`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProcessExited {
    /// Which.
    pub process: ProcessId,
    /// How it ended.
    pub status: ExitStatus,
    /// Milliseconds from its admission to its end.
    pub duration_ms: u64,
    /// Bytes it wrote to standard output.
    pub stdout_bytes: u64,
    /// Bytes it wrote to standard error.
    pub stderr_bytes: u64,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(tag = "how", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExitStatus {
    /// By itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// By a signal.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// Killed when its time was over.
    TimedOut,
    /// It could not be run at all.
    NotStarted {
        /// Why, in the guest's words.
        reason: String,
    },
    /// Nobody knows: the connection to its guest broke, or its sandbox ended first.
    Unknown {
        /// What was seen.
        reason: String,
    },
}

/// See [`SandboxEvent::TimeoutSet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeoutSet {
    /// When it times out now.
    pub expires_at: Timestamp,
}

/// See [`SandboxEvent::NetworkSet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NetworkSet {
    /// In place of the policy it had.
    pub policy: NetworkPolicy,
}

/// See [`SandboxEvent::Pausing`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pausing {
    /// The placement that ends with it.
    pub generation: Generation,
    /// The snapshot that it becomes.
    pub snapshot: SnapshotId,
    /// Why.
    pub reason: PauseReason,
}

/// Why a sandbox is paused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody asked.
    #[default]
    Requested,
    /// Its time was over.
    TimedOut,
}

/// See [`SandboxEvent::Paused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// The placement that ended with it.
    pub generation: Generation,
    /// What it was sealed as.
    pub snapshot: Snapshot,
}

/// See [`SandboxEvent::PauseFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PauseFailed {
    /// The placement.
    pub generation: Generation,
    /// Why.
    pub cause: Cause,
}

/// See [`SandboxEvent::Resuming`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resuming {
    /// The new placement, on the host that has the snapshot.
    pub generation: Generation,
    /// Seconds from running until it times out.
    pub timeout_sec: u32,
}

/// See [`SandboxEvent::ResumeFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResumeFailed {
    /// The placement that came to nothing.
    pub generation: Generation,
    /// Why.
    pub cause: Cause,
}

/// See [`SandboxEvent::SnapshotAsked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotAsked {
    /// The snapshot: one to be taken, or, of a paused sandbox, the one it is paused as.
    pub snapshot: SnapshotId,
    /// The template that it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TemplateName>,
}

/// See [`SandboxEvent::SnapshotTaken`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotTaken {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Milliseconds for which the sandbox did not run.
    pub held_ms: u64,
}

/// See [`SandboxEvent::SnapshotFailed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotFailed {
    /// Which.
    pub snapshot: SnapshotId,
    /// Why.
    pub cause: Cause,
}

/// See [`SandboxEvent::TemplateSaved`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TemplateSaved {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The template.
    pub name: TemplateName,
}

/// See [`SandboxEvent::SnapshotCompacted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotCompacted {
    /// The snapshot whose place it takes.
    pub replaced: SnapshotId,
    /// What has the same content.
    pub snapshot: Snapshot,
}

/// See [`SandboxEvent::Stopping`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stopping {
    /// Why.
    pub reason: StopReason,
}

/// Why a sandbox is ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Somebody asked.
    #[default]
    Requested,
    /// Its time was over.
    TimedOut,
}

/// See [`SandboxEvent::Reverted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reverted {
    /// The placement that was lost.
    pub generation: Generation,
    /// What it is paused as.
    pub snapshot: Snapshot,
    /// Why.
    pub cause: Cause,
}

/// See [`SandboxEvent::Lost`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// The placement that was lost.
    pub generation: Generation,
    /// Why.
    pub cause: Cause,
}

/// See [`SandboxEvent::Failed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Why.
    pub cause: Cause,
}

/// See [`SandboxEvent::ActorCrashed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ActorCrashed {
    /// The placement.
    pub generation: Generation,
    /// How often that has happened in this generation.
    pub count: u32,
    /// The panic's words.
    pub message: String,
}

/// See [`SandboxEvent::Confirmed`]. It changes nothing, and stands here so that the command has been decided for good:
/// repeated when it is not so any more, it does nothing and is answered as the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// What was asked for.
    pub command: Box<SandboxCommand>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// The engine process ended by itself.
    EngineExited {
        /// What its exit and its last words tell.
        detail: String,
    },
    /// The engine or its guest did not answer in time.
    Unresponsive {
        /// What was waited for.
        detail: String,
    },
    /// A step on the host did not succeed.
    StepFailed {
        /// The step, such as `claim slot`.
        step: String,
        /// The fault in words.
        detail: String,
    },
    /// The pager died, or did not answer in time, and the engine was killed.
    PagerDied {
        /// What was seen of it.
        detail: String,
    },
    /// A snapshot cannot be used: it is damaged, incomplete, or made for another machine.
    SnapshotUnusable {
        /// Which.
        snapshot: SnapshotId,
        /// What is wrong with it, and what to do.
        detail: String,
    },
    /// A restarted host found nothing of it.
    HostRestarted,
    /// Its host was silent for longer than its lease.
    HostDown,
    /// Its actor panicked too often.
    ActorCrashed,
}
