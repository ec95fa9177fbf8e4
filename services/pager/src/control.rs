//! What a pager can be asked on its control socket: one JSON line each way, and then the connection ends.

use serde::{Deserialize, Serialize};

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// How it stands; answered with [`Status`].
    Status,
    /// Which pages the guest gave back and has not touched since; answered with [`Removed`].
    Removed,
    /// Write down the working set now; answered with [`Status`] when it is on the disk.
    SaveWorkingSet,
}

/// Where a pager stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No engine has connected yet.
    Waiting,
    /// It serves faults.
    Serving,
}

/// How a pager stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Where.
    pub state: State,
    /// The engine it serves, by its process id.
    pub engine: Option<i32>,
    /// Faults that were answered.
    pub faults: u64,
    /// Pages that were put in place from files, for faults or ahead of them.
    pub copied_pages: u64,
    /// Pages that were put in place as zeros.
    pub zero_pages: u64,
    /// Pages of these that were put in place ahead of a fault.
    pub prefetched_pages: u64,
    /// Faults that are not answered yet.
    pub pending: u64,
    /// Milliseconds for which the oldest of them has waited.
    pub oldest_fault_ms: u64,
}

/// Pages that the guest gave back, as `(first, count)`, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The runs.
    pub runs: Vec<(u64, u64)>,
}
