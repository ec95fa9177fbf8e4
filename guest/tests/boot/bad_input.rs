//! Requests that no client of ours would send: each gets a typed error, and the agent goes on.

use std::net::SocketAddr;

use http::{Request, StatusCode};
use http_body_util::Full;

use crate::agent::{bash, is_healthy, post, run, send};
use crate::call::list;
use crate::vm::Vm;

const START: &str = "/process.Process/Start";
const STREAM: &str = "application/connect+json";
const UNARY: &str = "application/json";

/// Flags, length and bytes of one message.
fn envelope(flags: u8, length: u32, bytes: &[u8]) -> &'static [u8] {
    let mut envelope = vec![flags];
    envelope.extend(length.to_be_bytes());
    envelope.extend(bytes);
    envelope.leak()
}

/// The code of the error that a stream ends with, or that stands in place of it.
async fn code(request: Request<Full<&'static [u8]>>) -> String {
    let (_, body) = send(request).await;
    let text = String::from_utf8_lossy(&body);
    let json = text.find('{').map(|at| &text[at..]).unwrap_or_default();
    let value: serde_json::Value =
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let error = value.get("error").unwrap_or(&value);
    error["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn broken_requests_are_answered_and_harm_nobody() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let started = br#"{"process":{"cmd":"true"},"stdin":false}"#;
    let length = u32::try_from(started.len()).unwrap();

    for (what, body, expected) in [
        ("nothing", &b""[..], "unimplemented"),
        ("half a head", b"\0\0\0", "invalid_argument"),
        ("cut off", envelope(0, length, &started[..10]), "invalid_argument"),
        (
            "a length beyond all bounds",
            envelope(0, u32::MAX, started),
            "resource_exhausted",
        ),
        (
            "more than a request may have",
            vec![b'x'; 5 << 20].leak(),
            "resource_exhausted",
        ),
        (
            "compressed, which nobody announced",
            envelope(1, length, started),
            "internal",
        ),
        ("no JSON", envelope(0, 4, b"{\"a\""), "invalid_argument"),
        (
            "of the wrong type",
            envelope(0, 13, br#"{"process":3}"#),
            "invalid_argument",
        ),
    ] {
        assert_eq!(code(post(agent, START, STREAM, body)).await, expected, "{what}");
    }
    let mut zipped = post(agent, START, STREAM, envelope(1, length, started));
    zipped
        .headers_mut()
        .insert("connect-content-encoding", "zstd".parse().unwrap());
    assert_eq!(code(zipped).await, "unimplemented");

    let statuses = [
        (START, "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/process.Process/List", STREAM, StatusCode::OK),
        ("/process.Process/Fly", UNARY, StatusCode::NOT_FOUND),
        ("/elsewhere", UNARY, StatusCode::NOT_FOUND),
    ];
    for (path, kind, expected) in statuses {
        let (status, _) = send(post(agent, path, kind, b"{}")).await;
        assert_eq!(status, expected, "{path} {kind}");
    }
    let selector = br#"{"process":{"pid":-1}}"#;
    assert_eq!(
        code(post(agent, "/process.Process/SendSignal", UNARY, selector)).await,
        "invalid_argument"
    );

    fields_of_later_versions_are_passed_over(agent).await;
    assert!(list(agent).await.is_empty());
    assert!(is_healthy(agent).await);
    assert_eq!(run(agent, bash("echo well")).await.unwrap().text(), "well");
}

async fn fields_of_later_versions_are_passed_over(agent: SocketAddr) {
    let request = br#"{"process":{"cmd":"true","niceness":3},"stdin":false,"later":{"a":[1]}}"#;
    let length = u32::try_from(request.len()).unwrap();
    let (status, body) = send(post(agent, START, STREAM, envelope(0, length, request))).await;
    let text = String::from_utf8_lossy(&body);
    assert!(
        status == StatusCode::OK && text.contains("\"exited\":true"),
        "{text}"
    );
}
