//! The commands this engine gives.

use serde_json::{Value, json};

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
}

impl Command {
    /// QEMU's name for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "qmp_capabilities",
            Self::Stop => "stop",
            Self::Continue => "cont",
            Self::PressCtrlAltDel => "send-key",
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
            Self::Negotiate | Self::Stop | Self::Continue => json!({}),
            Self::PressCtrlAltDel => {
                let key = |name: &str| json!({ "type": "qcode", "data": name });
                json!({ "keys": [key("ctrl"), key("alt"), key("delete")] })
            }
        }
    }
}
