//! Firecracker's HTTP API in front of Debian's QEMU, one process per machine.
//!
//! ```text
//!   Unix socket ─▶ http ─▶ requests ─▶ machine (pure: decide, evolve) ─▶ shell ─▶ qemu (spawn) · qmp (stop, cont, …)
//!                                                                     │  │          ├▶ console (bounded)
//!                                             guest ──HTTP──▶ metadata ◀┘  │          └▶ preload (faults) ─▶ pager
//!                                                                          └▶ snapshot (state and memory as files)
//! ```
//!
//! The process ends when its QEMU ends, and QEMU is killed when the process ends, however that happens. Nothing it
//! makes has a name in the file system except its socket and the snapshots it is asked for.

pub mod bound;
pub mod cli;
mod console;
pub mod files;
pub mod http;
pub mod machine;
mod metadata;
pub mod qemu;
mod qmp;
pub mod requests;
pub mod shell;
mod snapshot;
pub mod version;
