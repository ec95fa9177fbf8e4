//! The HTTP gateway: Roost's own API under `/v1`, a projection of the log for reads and a sender of commands for writes.
//!
//! ```text
//!   GET  ───▶ routes ───▶ fleet (folded from EVENTS, checkpointed)
//!   POST ───▶ routes ───▶ command ──▶ COMMANDS ──▶ reply {sequence} ──▶ wait until fleet has reached it ──▶ answer
//!   exec ───▶ the same, then follow OUTPUT to its end, with bounded memory; or relay it over a WebSocket
//!   events ───▶ a hub that follows EVENTS once, for all who read along
//!   files, processes ───▶ guest ───▶ the sandbox's agent, through the edge of its host
//!   E2B's routes ───▶ e2b ───▶ the same sandboxes, in the words of E2B's API
//!   a sandbox's port ───▶ dataplane ───▶ the edge of its host, streaming both ways
//! ```
//!
//! Every error is `{"error":{"code","message"}}`, or on E2B's routes `{"code","message"}`; see [`error::Code`]. Every
//! write takes effect once under its `Idempotency-Key` and answers `Roost-Sequence`; a read may ask for
//! `Roost-Min-Sequence`.

mod actions;
mod admission;
pub mod auth;
mod body;
mod caller;
mod catch_up;
mod command;
mod dataplane;
mod describe;
mod door;
mod dto;
mod e2b;
pub mod error;
mod events;
mod exec;
mod extract;
mod guard;
mod guest;
mod history;
mod idempotency;
mod limits;
mod observe;
mod openapi;
mod router;
mod routes;
mod scope;
mod sequence;
mod server;
mod state;
mod stream;
mod then;
mod wake;

pub use dataplane::{Front, front};
pub use events::answer_reads;
pub use limits::Limits;
pub use openapi::document;
pub use router::router;
pub use server::serve;
pub use state::{Gateway, Ports};
