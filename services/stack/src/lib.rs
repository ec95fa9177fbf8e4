//! The whole of Roost on one machine: nats-server, host, reconciler, webhooks and gateway, started and taken down together.
//!
//! ```text
//!   Stack ──▶ commands ──▶ supervise ──▶ nats-server, roost-{host,reconciler,webhooks,gateway}
//!     │                        │
//!   folder: log, keys, logs    └──▶ watchdog: cleans up if whoever started the stack is killed outright
//! ```

mod authority;
mod binaries;
mod commands;
mod folder;
pub mod nats_server;
mod note;
pub mod places;
pub mod process;
mod root;
mod signals;
mod stack;
pub mod supervise;
pub mod up;

pub use binaries::Binaries;
pub use folder::StateFolder;
pub use note::Running;
pub use root::require_root;
pub use signals::signals;
pub use stack::{Parts, Ports, Stack, Terms, free_port, require_free};
