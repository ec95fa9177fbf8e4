//! The simulator: a seeded world in virtual time that runs the real domain and runtime over a faulty log, machine and network.
//!
//! ```text
//!   run ─▶ World ──▶ processes: hosts, control (router + reconciler), readers; clients
//!            │            │ every call of a port
//!            │            ▼
//!            │          Turnstile ── one at a time, by seed ──▶ memory::{journal, queue, …}, memory::Machine
//!            ▼            │
//!          faults         └── after each: trace, Checker::after_step
//! ```

pub mod bugs;
pub mod client;
mod clock;
mod faults;
pub mod invariants;
pub mod play;
mod ports;
mod process;
pub mod record;
pub mod run;
pub mod trace;
pub mod world;

pub use world::{Checker, Violation, World};
