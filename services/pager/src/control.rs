//! What a pager can be asked on its control socket: one JSON line each way, and then the connection ends.
//!
//! A request is at most 255 bytes and a newline. A connection on which nothing happens for a second is closed without an
//! answer, and so is one that does not ask for anything known. What fails is answered with `{"error": "…"}`.

pub(crate) mod desk;

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// How it stands; answered with [`Status`].
    Status,
    /// Which pages the guest gave back and has not touched since; answered with [`Removed`]. Where an engine's dump has
    /// nothing for these, they are zeros and not what the snapshot before has.
    Removed,
    /// Write down the working set now; answered with [`Status`] when it is on the disk.
    SaveWorkingSet,
}

/// Where a pager stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No engine has connected yet.
    #[default]
    Waiting,
    /// It serves faults.
    Serving,
}

/// How a pager stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// Asks the pager whose control socket is `socket`, and waits for the answer, at most `patience` for each part of it:
/// [`Status`] or [`Removed`], as [`Request`] says.
pub fn ask<T: DeserializeOwned>(socket: &Path, request: Request, patience: Duration) -> io::Result<T> {
    let mut connection = UnixStream::connect(socket)?;
    connection.set_read_timeout(Some(patience))?;
    connection.set_write_timeout(Some(patience))?;
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    connection.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
