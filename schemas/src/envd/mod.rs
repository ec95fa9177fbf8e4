//! The guest agent's wire protocol: E2B's envd services `process.Process` and `filesystem.Filesystem`.
//!
//! Messages, server traits and clients are generated from `proto/` and checked in; they speak Connect with JSON and with
//! the binary codec. Regenerate with `examples/envd_codegen.rs`.

#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic, reason = "generated code, not edited by hand")]
mod generated;

pub use generated::{filesystem, process};

/// TCP port of the agent inside the guest.
pub const PORT: u16 = 49983;

/// Header that carries the sandbox's access token once one was set by `/init`.
pub const ACCESS_TOKEN_HEADER: &str = "x-access-token";

/// Header of streaming calls: seconds between keepalive events while nothing else happens.
pub const KEEPALIVE_HEADER: &str = "keepalive-ping-interval";

/// Header of [`process.Process/Start`](process::Process::start): the process is killed after this many milliseconds.
pub const TIMEOUT_HEADER: &str = "connect-timeout-ms";

/// How `EndEvent.error` begins when the agent killed the process because its deadline passed.
pub const DEADLINE_ERROR: &str = "deadline exceeded";

/// Header of [`process.Process/Start`](process::Process::start) from the host: the process's id in the log, which has it
/// already. Without it the agent asks for an entry by its [audit feed](crate::audit). Edges take it off clients' requests.
pub const PROCESS_HEADER: &str = "roost-process";
