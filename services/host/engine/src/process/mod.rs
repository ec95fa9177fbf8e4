//! A running process, held by its pidfd: an engine, or another that stands beside one.
//!
//! ```text
//!   spawned (our child) ──┐                     ┌─▶ exited: Code, Signal
//!                         ├─▶ running ──pidfd──▶┤
//!   adopted (not ours)  ──┘                     └─▶ exited: Unknown (someone else reaped it)
//! ```

mod adopt;
mod engine;
mod exit;
mod held;
mod id;
mod pidfd;
mod record;
mod search;
mod stat;

pub use adopt::AdoptError;
pub use engine::EngineProcess;
pub use exit::Exit;
pub use held::Process;
pub use id::ProcessId;
pub use record::{Record, read_record, write_record};
pub use search::find_process;
pub use stat::file_tail;

pub(crate) use exit::reap;
