//! What a fence can be asked on its socket: one JSON line each way, and then the connection ends.
//!
//! A request is at most 255 bytes and a newline, sent at once. Who asks for nothing known gets no answer, and nobody holds
//! the fence up for longer than [`PATIENCE`] for each way.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a client may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_millis(200);
/// Bytes of the longest request.
const MAX_REQUEST: usize = 256;

/// A question; both are answered with [`Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// How it stands.
    Status,
    /// Let VMs run until then; answered when those that stood still were told to go on. An earlier time changes nothing.
    Extend {
        /// Milliseconds of `CLOCK_BOOTTIME`.
        until_ms: u64,
    },
}

/// How a fence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether VMs may run.
    pub open: bool,
    /// Milliseconds of `CLOCK_BOOTTIME` until which they may, or might.
    pub until_ms: u64,
}

/// Reads what is asked; nothing if it makes no sense.
pub(crate) fn read(connection: &mut UnixStream) -> io::Result<Option<Request>> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut line = [0; MAX_REQUEST];
    let length = connection.read(&mut line)?;
    let line = line[..length].strip_suffix(b"\n");
    Ok(line.and_then(|line| serde_json::from_slice(line).ok()))
}

pub(crate) fn answer(connection: &mut UnixStream, status: Status) -> io::Result<()> {
    let mut line = serde_json::to_vec(&status)?;
    line.push(b'\n');
    connection.write_all(&line)
}
