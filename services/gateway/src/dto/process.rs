//! Programs as a sandbox's agent has them.

use roost_schemas::envd::process as envd;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What runs in a sandbox now, started by commands or through its agent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessList {
    pub(crate) processes: Vec<Process>,
}

/// A program that runs. Environment variables are not told: they may be secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Process {
    /// Its id in the log, if a command started it.
    #[serde(rename = "process_id")]
    id: Option<String>,
    /// Its number in the guest.
    pid: u32,
    /// The name its starter gave it.
    tag: Option<String>,
    cmd: String,
    args: Vec<String>,
    cwd: Option<String>,
}

impl Process {
    /// What the agent tells of it; `is_command` says whether a tag is the id of one that a command started.
    pub(crate) fn of(info: envd::ProcessInfo, is_command: impl Fn(&str) -> bool) -> Self {
        let config = info.config.into_option().unwrap_or_default();
        let (id, tag) = match info.tag {
            Some(tag) if is_command(&tag) => (Some(tag), None),
            tag => (None, tag),
        };
        Self {
            id,
            pid: info.pid,
            tag,
            cmd: config.cmd,
            args: config.args,
            cwd: config.cwd,
        }
    }
}

/// A signal to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendSignal {
    pub(crate) signal: Signal,
}

/// The signals that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum Signal {
    /// Asks the program to end.
    #[serde(rename = "SIGTERM")]
    Term,
    /// Ends it at once.
    #[serde(rename = "SIGKILL")]
    Kill,
}

impl From<Signal> for envd::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Term => Self::SIGNAL_SIGTERM,
            Signal::Kill => Self::SIGNAL_SIGKILL,
        }
    }
}
