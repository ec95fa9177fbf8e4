//! The effects that actors order: each port is a small set of idempotent steps, stamped with their owner.
//!
//! Asking twice for the same owner gives the same thing; releasing what is not there succeeds. So a step may be
//! repeated after a crash without anyone knowing how far it came.

mod clock;
mod disks;
mod edge;
mod engines;
mod fault;
mod fence;
mod guests;
mod keep;
mod slots;
mod snapshots;

pub use clock::{Clock, SystemClock};
pub use disks::{Disks, Drives};
pub use edge::Edge;
pub use engines::{Engines, Vm, VmSpec};
pub use fault::Fault;
pub use fence::Fence;
pub use guests::{AuditFeed, Greeting, Guests, Output, Outputs, Program};
pub use keep::Keep;
pub use slots::{Slot, Slots};
pub use snapshots::{Draft, Dumped, Image, Pin, Portrayed, Sealed, Snapshots};
