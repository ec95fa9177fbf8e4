//! The log: its ports, their JetStream and in-memory adapters, and the projections that fold it.
//!
//! ```text
//!              port::Journal   port::Queue   port::OutputLog   port::Leases
//!                    |              |              |               |
//!   jetstream::   EVENTS        COMMANDS        OUTPUT          LEASES     one nats-server, four streams
//!   memory::      the same four in a process, for the simulator and unit tests
//!
//!   projection::  follow a Journal from a checkpoint (sled) and fold
//! ```

mod append;
pub mod checkpoint;
mod dedupe;
pub mod jetstream;
pub mod memory;
mod pause;
pub mod port;
pub mod projection;
#[cfg(feature = "testing")]
pub mod testing;
