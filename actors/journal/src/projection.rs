//! Read models folded from the log: restored from a checkpoint, kept up by following, stopped rather than wrong.
//!
//! ```text
//!   restore from the checkpoint ─► is it of this log? ─ no ───► Stopped(Log)
//!        │                                │ yes
//!        └── nothing, or another version: begin at 0
//!                                         ▼
//!                                   follow and apply ──────────► Stopped(Undecodable | Log)
//!                                    │          │
//!                          publish `applied`   every K commits or T: save what changed
//! ```
//!
//! A projection never skips a commit: one that it cannot decode stops it, with an alarm in the log and in
//! [`ProjectionHandle::state`], and its readers see how far it came. When the log is behind the checkpoint, or has
//! another commit in the place of its last one, the checkpoint is the better witness: commits were lost, or the log was
//! exchanged, and a person must decide. Restoring the log from a backup is one way; accepting what it has become is the
//! other, by deleting the process's state folder, with which the checkpoint goes (see `docs/log.md`).

mod handle;
mod runner;
mod saver;
mod seen;

use std::time::Duration;

use roost_schemas::Sequence;
use roost_schemas::codec::Undecodable;

pub use handle::{Alarm, ProjectionHandle, State, Waited};
pub use runner::start;

use crate::checkpoint::Change;
use crate::port::{Foreign, Record};

/// A fold of commits that can be saved as entries.
pub trait Projection: Default + Send + Sync + 'static {
    /// What its checkpoint is called.
    const NAME: &'static str;
    /// The layout of its entries. Raise it when they, or their meaning, change: older ones are then not read.
    const VERSION: u32;

    /// Takes in one commit; an error leaves the value as it was. The same commits always lead to the same value.
    fn apply(&mut self, record: &Record) -> Result<(), Undecodable>;

    /// Whether it can go on without a message that is no commit of ours, because nothing it shows could need it, or it
    /// shows that something is missing. If not, it stops.
    fn pass(&mut self, _foreign: &Foreign) -> bool {
        false
    }

    /// The entries that were set or removed since this was last asked, each key once.
    fn drain_changes(&mut self) -> Vec<Change>;

    /// Takes in what [`Projection::drain_changes`] once gave, which stands for the log up to `applied`; called on a new
    /// value, before any commit. After an error it is folded from the beginning.
    fn restore(&mut self, applied: Sequence, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Undecodable>;
}

/// How often a projection is saved: every so long, if anything was applied, and after so many commits.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Commits.
    pub commits: u64,
    /// Time; not zero.
    pub every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        // Time is what a replay after a crash costs; the count only bounds what one save has to hold in memory.
        Self {
            commits: 500_000,
            every: Duration::from_secs(2),
        }
    }
}
