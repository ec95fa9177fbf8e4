//! Arbitrary queries and headers for `/files`.
//!
//! Input: a method (`G`, `H`, or `P` for POST) and whether there is an access token (`t`), then the query up to the line's
//! end, then a header per line, then after an empty line the body.

use bytes::Bytes;
use http::{Method, Request, StatusCode};

use crate::jail::{Job, send};

const GUARDED: &str =
    r#"{"access_token":"secret","env":{},"default_user":null,"default_workdir":null,"at":null}"#;

/// Sends the input; the agent must answer, and not with a fault of its own.
pub fn run(input: &[u8]) {
    let [method, token, rest @ ..] = input else {
        return;
    };
    let method = match method {
        b'G' => Method::GET,
        b'H' => Method::HEAD,
        _ => Method::POST,
    };
    let (head, body) = split(rest, b"\n\n");
    let Ok(head) = str::from_utf8(head) else { return };
    let mut lines = head.split('\n');
    let query = lines.next().unwrap_or_default();
    let mut request = Request::builder().method(method).uri(format!("/files?{query}"));
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    // What is no request does not reach the agent.
    let Ok(head) = request.body(()) else { return };
    let status = send(Job {
        head,
        body: vec![Bytes::copy_from_slice(body)],
        settings: if *token == b't' { GUARDED } else { "" },
    });
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

fn split<'a>(input: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    match input.windows(at.len()).position(|window| window == at) {
        Some(place) => (&input[..place], &input[place + at.len()..]),
        None => (input, b""),
    }
}
