//! Launches engines and speaks Firecracker's HTTP API to them.
//!
//! An engine is the process that runs one virtual machine: Firecracker, or `roost-qemu` which offers the same API in
//! front of QEMU. The two halves meet in one socket path:
//!
//! ```text
//!   Launch ──spawn──▶ EngineProcess (pid, start time, pidfd)     find() tells which engine this machine can use
//!     │                   │ wait · stop · record                 adopt() takes one back after our restart
//!     └──── socket ───────┴──▶ Client ──HTTP──▶ machine-config, boot-source, drives, …, actions, vm
//! ```
//!
//! An engine outlives the process that launched it: it has its own session, no inherited descriptors, its output
//! in a file, and a record (`engine.json`) from which a restarted host adopts it.

pub mod api;
mod client;
mod error;
mod find;
mod launch;
mod process;

pub use client::Client;
pub use error::EngineError;
pub use find::{Firecracker, MINIMUM_VERSION, Unusable, Version, kvm_usable};
pub use launch::{Cgroups, Daemon, EngineKind, Jail, JailError, Launch, LaunchError, Spawned};
pub use process::{
    AdoptError, EngineProcess, Exit, Process, ProcessId, Record, file_tail, find_process, read_record,
    write_record,
};
