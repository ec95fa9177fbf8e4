//! A program to run, and what came of it.

use std::collections::BTreeMap;

use roost_schemas::command::{DEFAULT_EXEC_TIMEOUT_SEC, Exec, PtySize};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::VariableName;

/// A program to run in a sandbox. It is run as it stands: for a shell's help, name the shell.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecRequest {
    /// A path, or a name looked up in the guest's `PATH`.
    #[schema(example = "uname", pattern = "^[^\\u0000]+$")]
    cmd: String,
    /// At most 128 KiB together with `cmd`.
    #[serde(default)]
    #[schema(example = json!(["-a"]))]
    args: Vec<String>,
    /// Where it runs; absent: the user's home.
    #[serde(default)]
    cwd: Option<String>,
    /// Variables added to the sandbox's.
    #[serde(default)]
    #[schema(value_type = BTreeMap<VariableName, String>)]
    env: BTreeMap<String, String>,
    /// As whom; absent: the template's default user.
    #[serde(default)]
    user: Option<String>,
    /// Seconds until it is killed.
    #[serde(default = "default_timeout_sec")]
    #[schema(minimum = 1, maximum = 604_800, default = 30)]
    timeout_sec: u32,
    /// Whether its input can be written to; otherwise that is empty.
    #[serde(default)]
    stdin: bool,
    /// A terminal, which is then its input and all its output: what it shows is told as `stdout`.
    #[serde(default)]
    pty: Option<Pty>,
    /// Whether to answer as soon as it is admitted. Its output is kept a while for `exec/stream?process=…`.
    #[serde(default)]
    pub(crate) background: bool,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pty {
    /// Columns.
    #[schema(minimum = 1, maximum = 4096)]
    cols: u16,
    /// Rows.
    #[schema(minimum = 1, maximum = 4096)]
    rows: u16,
}

impl From<Pty> for PtySize {
    fn from(Pty { cols, rows }: Pty) -> Self {
        Self { cols, rows }
    }
}

fn default_timeout_sec() -> u32 {
    DEFAULT_EXEC_TIMEOUT_SEC
}

impl From<ExecRequest> for Exec {
    fn from(request: ExecRequest) -> Self {
        let ExecRequest {
            cmd,
            args,
            cwd,
            env,
            user,
            timeout_sec,
            stdin,
            pty,
            background: _,
        } = request;
        Self {
            cmd,
            args,
            cwd,
            env,
            user,
            timeout_sec,
            stdin,
            pty: pty.map(Into::into),
        }
    }
}

/// The exit code told for a program whose time was over, as timeout(1) has it.
pub(crate) const TIMED_OUT: i32 = 124;
/// Added to a signal's number, as shells do.
pub(crate) const SIGNALED: i32 = 128;

/// How `stdout` and `stderr` are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) enum Encoding {
    /// As text: both are valid UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Both in base64 (RFC 4648, padded), because one is not valid UTF-8.
    #[serde(rename = "base64")]
    Base64,
}

/// A program that was admitted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecStarted {
    pub(crate) process_id: String,
    /// Where its `process_started` event stands in the log.
    pub(crate) sequence: u64,
}

/// A program that has ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecResult {
    pub(crate) sandbox_id: String,
    pub(crate) process_id: String,
    /// The program, as asked for.
    pub(crate) cmd: String,
    /// What it wrote to standard output, at most the first 8 MiB.
    pub(crate) stdout: String,
    /// What it wrote to standard error, at most the first 8 MiB.
    pub(crate) stderr: String,
    pub(crate) encoding: Encoding,
    /// Whether it wrote more than is told here; `stdout_bytes` and `stderr_bytes` say how much.
    pub(crate) truncated: bool,
    /// All bytes it wrote to standard output.
    pub(crate) stdout_bytes: u64,
    /// All bytes it wrote to standard error.
    pub(crate) stderr_bytes: u64,
    /// Its exit code; 128 + `signal` if a signal ended it; 124 if its time was over.
    pub(crate) exit_code: i32,
    /// The number of the signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Whether it was killed because its time was over.
    pub(crate) timed_out: bool,
    /// Milliseconds from its admission to its end.
    pub(crate) duration_ms: u64,
}
