//! What may be asked of a sandbox: what users send, and what its host has observed.

use roost_schemas::command::{Create, Exec, Kill, SetNetwork, SetTimeout, Start};
use roost_schemas::event::{Cause, EngineKind, ExitStatus, ProcessStarted};
use roost_schemas::{Generation, ProcessId};

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
    /// End it.
    Kill(Kill),
    /// Its guest answers.
    Started {
        /// The placement.
        generation: Generation,
        /// What runs it.
        engine: EngineKind,
        /// That engine's version.
        engine_version: String,
        /// Milliseconds the boot took.
        boot_ms: u64,
    },
    /// A boot did not succeed, and its steps are undone.
    StartFailed {
        /// The placement.
        generation: Generation,
        /// Why.
        cause: Cause,
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
