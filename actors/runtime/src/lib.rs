//! The shells around the pure core: ractor actors that fold the log, decide, append, and order effects.
//!
//! ```text
//!   COMMANDS ──▶ router ──▶ COMMANDS ──▶ host ──▶ sandbox ──▶ port::{Slots, Disks, Engines, Guests, Snapshots}
//!                  │                   (supervisor)  │  ▲            │
//!                  ▼                                 ▼  └── reports ─┘
//!               EVENTS ◀──────────────────────────  EVENTS, OUTPUT
//!                  │
//!                fleet ──▶ reconciler ──▶ COMMANDS
//! ```

pub mod crash;
pub mod fleet;
pub mod host;
mod intake;
mod ledger;
pub mod memory;
mod observe;
pub mod port;
pub mod reconciler;
pub mod router;
pub mod sandbox;

pub use ledger::{Done, Ledger, Refusal};
