//! The whole of Roost on one machine: nats-server, host, reconciler and gateway, started and taken down together.
//!
//! ```text
//!   Stack ──▶ commands ──▶ supervise ──▶ nats-server, roost-host, roost-reconciler, roost-gateway
//!     │                        │
//!   folder: log, keys, logs    └──▶ watchdog: cleans up if whoever started the stack is killed outright
//! ```

mod binaries;
mod commands;
mod folder;
pub mod process;
mod stack;
pub mod supervise;

pub use binaries::Binaries;
pub use folder::StateFolder;
pub use stack::{Parts, Ports, Stack, free_port, require_free};
