//! `PATCH /vm`: pausing and resuming.

use serde::{Deserialize, Serialize};

/// Body of `PATCH /vm` (`Vm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VmStateChange {
    /// The state to reach; reaching it twice is no error.
    pub state: VmState,
}

/// States `PATCH /vm` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VmState {
    /// Stop the vCPUs.
    Paused,
    /// Let the vCPUs run again.
    Resumed,
}
