//! The pure core: what a sandbox, a template, a host, a tenant and a webhook are, what may be asked of them, and what follows.
//!
//! No clock, no randomness, no I/O, no async: time and identifiers arrive inside commands. A shell folds the log with
//! [`Aggregate::evolve`], asks [`Aggregate::decide`], appends the answer, and derives its steps from the new state.

mod aggregate;
pub mod bugs;
pub mod fleet;
mod folded;
pub mod host;
pub mod limits;
pub mod placement;
pub mod rate;
pub mod reconcile;
mod rejection;
pub mod sandbox;
pub mod template;
pub mod tenant;
pub mod webhook;

pub use aggregate::Aggregate;
pub use folded::{Answer, Decision, Folded};
pub use rejection::Rejection;
