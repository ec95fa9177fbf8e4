//! Arbitrary forms for `POST /files`, cut into arbitrary pieces.
//!
//! Input: one byte for the size of the pieces, then the body; the boundary is `b`.

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::jail::{Job, send};

/// Sends the input; the agent must answer, and not with a fault of its own.
pub fn run(input: &[u8]) {
    let [size, body @ ..] = input else { return };
    let request = Request::post("/files").header("content-type", "multipart/form-data; boundary=b");
    let Ok(head) = request.body(()) else { return };
    let pieces = body.chunks(usize::from(*size) + 1);
    let status = send(Job {
        head,
        body: pieces.map(Bytes::copy_from_slice).collect(),
        settings: "",
    });
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
}
