//! `PUT /actions`: things done to the machine rather than said about it.

use serde::{Deserialize, Serialize};

/// Body of `PUT /actions` (`InstanceActionInfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What to do.
    pub action_type: ActionType,
}

/// The actions Firecracker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionType {
    /// Boots the configured machine; once only.
    InstanceStart,
    /// Presses Ctrl+Alt+Del on the guest's i8042 keyboard; needs a driver in the guest.
    SendCtrlAltDel,
    /// Writes the engine's metrics out now.
    FlushMetrics,
}
