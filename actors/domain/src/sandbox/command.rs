//! What may be asked of a sandbox: what users send, and what its host has observed.

use roost_schemas::command::{
    Create, Exec, Kill, Pause, Resume, SetNetwork, SetTimeout, Start, TakeSnapshot,
};
use roost_schemas::event::{Cause, EngineKind, ExitStatus, ProcessStarted};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{Generation, ProcessId, SnapshotId, TemplateName};

/// A request, or a host's report. Reports never come from the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make it.
    Create(Create),
    /// Boot what was placed.
    Start(Start),
    /// Run a program, under an id that the shell made from the command's.
    Exec {
        /// The program's id.
        process: ProcessId,
        /// The program.
        exec: Exec,
    },
    /// Change when it times out.
    SetTimeout(SetTimeout),
    /// Change what it may reach and who may reach it.
    SetNetwork(SetNetwork),
    /// Seal it under this id, which the shell made from the command's, and free what it holds.
    Pause {
        /// The snapshot's id.
        snapshot: SnapshotId,
        /// Why.
        pause: Pause,
    },
    /// Let it run again.
    Resume(Resume),
    /// Take a snapshot of it under this id, which the shell made from the command's.
    Snapshot {
        /// The snapshot's id.
        snapshot: SnapshotId,
        /// What for.
        take: TakeSnapshot,
    },
    /// End it.
    Kill(Kill),
    /// Its guest answers, after a boot or a restore.
    Started {
        /// The placement.
        generation: Generation,
        /// What runs it.
        engine: EngineKind,
        /// That engine's version.
        engine_version: String,
        /// Milliseconds the boot took.
        boot_ms: u64,
        /// The snapshot it was restored from.
        restored_from: Option<SnapshotId>,
    },
    /// A boot did not succeed, and its steps are undone.
    StartFailed {
        /// The placement.
        generation: Generation,
        /// Why.
        cause: Cause,
    },
    /// It is sealed.
    Sealed {
        /// The placement that ends with it.
        generation: Generation,
        /// What it was sealed as.
        snapshot: Snapshot,
    },
    /// It could not be sealed, and runs on.
    PauseFailed {
        /// The placement.
        generation: Generation,
        /// Why.
        cause: Cause,
    },
    /// It could not be restored; the steps are undone.
    ResumeFailed {
        /// The placement that came to nothing.
        generation: Generation,
        /// Why.
        cause: Cause,
    },
    /// A snapshot that was asked for is sealed, and the sandbox runs on.
    SnapshotTaken {
        /// The placement.
        generation: Generation,
        /// The snapshot.
        snapshot: Snapshot,
        /// Milliseconds for which it did not run.
        held_ms: u64,
    },
    /// A snapshot that was asked for could not be taken, or not be saved as a template.
    SnapshotFailed {
        /// Which.
        snapshot: SnapshotId,
        /// Why.
        cause: Cause,
    },
    /// The template that a snapshot was asked for is in the log.
    TemplateSaved {
        /// The snapshot.
        snapshot: SnapshotId,
        /// The template.
        name: TemplateName,
    },
    /// What it is paused as was written anew.
    Compacted {
        /// The snapshot whose place it takes.
        replaced: SnapshotId,
        /// What has the same content.
        snapshot: Snapshot,
    },
    /// Its agent asks whether a program may start that somebody wants there.
    ProcessAsked {
        /// The placement.
        generation: Generation,
        /// The program.
        started: ProcessStarted,
    },
    /// A program has ended.
    ProcessEnded(ProcessEnd),
    /// Its resources are released after a kill.
    Ended {
        /// The placement.
        generation: Generation,
    },
    /// It is gone without having been asked to go.
    Vanished {
        /// The placement.
        generation: Generation,
        /// Why.
        cause: Cause,
    },
    /// Its host was silent for longer than its lease.
    HostDown {
        /// The placement.
        generation: Generation,
    },
    /// Its actor panicked.
    Crashed {
        /// The placement.
        generation: Generation,
        /// The panic's words.
        message: String,
    },
}

/// What a host knows of a program that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessEnd {
    /// Which.
    pub process: ProcessId,
    /// How.
    pub status: ExitStatus,
    /// Milliseconds from its admission to its end.
    pub duration_ms: u64,
    /// Bytes it wrote to standard output.
    pub stdout_bytes: u64,
    /// Bytes it wrote to standard error.
    pub stderr_bytes: u64,
}
