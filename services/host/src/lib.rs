//! The host agent: runs the sandboxes of one machine.
//!
//! ```text
//!   cli ─▶ run ─▶ roost-runtime's host actor ─▶ machine::{slots, disks, engines, snapshots, guests}
//!   cli ─▶ purge                                   (the effect ports on their real parts)
//! ```

pub mod cli;
pub mod disk;
pub mod machine;
mod paths;
pub mod purge;
pub mod run;
