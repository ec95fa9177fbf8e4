//! The agent's audit feed: what is started in a guest by others than its host, so that the log has it.
//!
//! ```text
//!   host                                      agent
//!    │ GET /audit, Upgrade: roost-audit         │
//!    │ ◀── {"number":1,"fact":{starting …}} ─── │  a process is wanted; it waits
//!    │ ─── {"number":1,"verdict":"recorded"} ─▶ │  it stands in the log; now it starts
//!    │ ◀── {"number":2,"fact":{ended …}} ────── │
//!    │ ─── {"number":2,"verdict":"recorded"} ─▶ │  the agent may forget it
//! ```
//!
//! Both directions are JSON, a line each. Facts that were not answered are sent again, with the same numbers, on the
//! next connection; the newest connection is the one that counts.

use serde::{Deserialize, Serialize};

use crate::event::ExitStatus;
use crate::id::ProcessId;

/// The path of the feed, closed to everybody but the host.
pub const PATH: &str = "/audit";
/// The protocol that the connection is upgraded to.
pub const PROTOCOL: &str = "roost-audit";
/// Bytes a line may have.
pub const MAX_LINE: usize = 512 * 1024;

/// From the agent to the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Counts up from 1 in one life of the agent.
    pub number: u64,
    /// What is to be recorded.
    pub fact: Fact,
}

/// What the log is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    /// Somebody asks for a process; it starts once this is recorded.
    Starting(Starting),
    /// It has ended, or was never started.
    Ended(Ended),
}

/// See [`Fact::Starting`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starting {
    /// Its id, made by the agent.
    pub process: ProcessId,
    /// The program.
    pub cmd: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub cwd: String,
    /// As whom.
    pub user: String,
    /// Seconds until it is killed, rounded up; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_sec: Option<u32>,
    /// Whether it has a terminal.
    #[serde(default)]
    pub pty: bool,
    /// The name its starter gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// See [`Fact::Ended`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which.
    pub process: ProcessId,
    /// How.
    pub status: ExitStatus,
    /// Milliseconds it ran.
    pub duration_ms: u64,
    /// Bytes it wrote to standard output, or to its terminal.
    pub stdout_bytes: u64,
    /// Bytes it wrote to standard error.
    pub stderr_bytes: u64,
}

/// From the host to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The notice that is answered.
    pub number: u64,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stands in the log.
    Recorded,
    /// It does not, and will not: a process must not start. The reason is for its starter.
    Refused(String),
}
