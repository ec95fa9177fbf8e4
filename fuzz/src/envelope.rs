//! Arbitrary bytes as the body of any Connect call.
//!
//! Input: one byte for the method, one for the content type, one for the headers, then the body.

use bytes::Bytes;
use http::Request;

use crate::jail::{Job, send};

const METHODS: [&str; 17] = [
    "process.Process/List",
    "process.Process/Connect",
    "process.Process/Start",
    "process.Process/Update",
    "process.Process/StreamInput",
    "process.Process/SendInput",
    "process.Process/SendSignal",
    "process.Process/CloseStdin",
    "filesystem.Filesystem/Stat",
    "filesystem.Filesystem/MakeDir",
    "filesystem.Filesystem/Move",
    "filesystem.Filesystem/ListDir",
    "filesystem.Filesystem/Remove",
    "filesystem.Filesystem/WatchDir",
    "filesystem.Filesystem/CreateWatcher",
    "filesystem.Filesystem/GetWatcherEvents",
    "filesystem.Filesystem/RemoveWatcher",
];

const TYPES: [&str; 8] = [
    "application/json",
    "application/proto",
    "application/connect+json",
    "application/connect+proto",
    "application/grpc",
    "application/grpc-web+proto",
    "text/plain",
    "",
];

/// One header for each bit.
const HEADERS: [(&str, &str); 8] = [
    ("connect-protocol-version", "1"),
    ("connect-timeout-ms", "5"),
    ("connect-timeout-ms", "-1"),
    ("connect-content-encoding", "gzip"),
    ("content-encoding", "gzip"),
    ("keepalive-ping-interval", "1"),
    ("authorization", "Basic Z2hvc3Q6"),
    ("te", "trailers"),
];

/// Sends the input; the agent must answer.
pub fn run(input: &[u8]) {
    let [method, kind, flags, body @ ..] = input else {
        return;
    };
    let method = METHODS[usize::from(*method) % METHODS.len()];
    let mut request = Request::post(format!("/{method}"));
    let kind = TYPES[usize::from(*kind) % TYPES.len()];
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    for (bit, (name, value)) in HEADERS.iter().enumerate() {
        if flags & (1 << bit) != 0 {
            request = request.header(*name, *value);
        }
    }
    if let Ok(head) = request.body(()) {
        send(Job {
            head,
            body: vec![Bytes::copy_from_slice(body)],
            settings: "",
        });
    }
}
