//! The commands this engine gives.

use serde_json::{Value, json};

/// The name under which QEMU is handed the descriptor that device state goes to or comes from.
const STATE: &str = "state";

/// A QMP command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Leaves negotiation mode.
    Negotiate,
    /// Stops the vCPUs and lets disk requests finish.
    Stop,
    /// Lets the vCPUs run.
    Continue,
    /// Presses and releases Ctrl+Alt+Del.
    PressCtrlAltDel,
    /// Takes the descriptor that is sent along.
    TakeStateFile,
    /// Leaves memory out of what is saved and loaded: it is shared, and moved by others.
    LeaveMemoryOut,
    /// Keeps a loaded machine from announcing itself to the network, where nobody is to hear of it yet.
    AnnounceNothing,
    /// Begins to save device state to the descriptor.
    Save,
    /// Begins to load device state from the descriptor.
    Load,
    /// Tells how far saving or loading is.
    HowFar,
    /// Reads guest memory and throws it away, so that all of it is there afterwards.
    Touch {
        /// Guest physical address.
        address: u64,
        /// How many bytes.
        bytes: u64,
    },
}

impl Command {
    /// QEMU's name for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "qmp_capabilities",
            Self::Stop => "stop",
            Self::Continue => "cont",
            Self::PressCtrlAltDel => "send-key",
            Self::TakeStateFile => "getfd",
            Self::LeaveMemoryOut => "migrate-set-capabilities",
            Self::AnnounceNothing => "migrate-set-parameters",
            Self::Save => "migrate",
            Self::Load => "migrate-incoming",
            Self::HowFar => "query-migrate",
            Self::Touch { .. } => "pmemsave",
        }
    }

    /// The command as it is sent.
    pub(super) fn line(self, id: u64) -> Vec<u8> {
        let mut line = json!({ "execute": self.name(), "arguments": self.arguments(), "id": id }).to_string();
        line.push('\n');
        line.into_bytes()
    }

    fn arguments(self) -> Value {
        match self {
            Self::Negotiate | Self::Stop | Self::Continue | Self::HowFar => json!({}),
            Self::PressCtrlAltDel => {
                let key = |name: &str| json!({ "type": "qcode", "data": name });
                json!({ "keys": [key("ctrl"), key("alt"), key("delete")] })
            }
            Self::TakeStateFile => json!({ "fdname": STATE }),
            Self::LeaveMemoryOut => {
                json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] })
            }
            Self::AnnounceNothing => json!({ "announce-rounds": 0 }),
            Self::Save | Self::Load => json!({ "uri": format!("fd:{STATE}") }),
            Self::Touch { address, bytes } => {
                json!({ "val": address, "size": bytes, "filename": "/dev/null" })
            }
        }
    }
}
