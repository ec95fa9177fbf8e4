//! Speaking to a sandbox's agent, through the edge of its host.
//!
//! ```text
//!   route ─▶ Gateway::agent ─▶ Door ─┬─▶ Connect RPC: process.Process, filesystem.Filesystem
//!                                    └─▶ HTTP: /files, streaming both ways
//! ```
//!
//! None of this goes through the log: a call that fails half-way is the caller's to repeat.

mod agent;
mod error;
mod files;
mod process;

pub(crate) use agent::{Agent, Agents};
pub(crate) use error::Context;
pub(crate) use files::Wanted;
pub(crate) use process::{Act, Events, Program};
