//! The client against engines that answer nonsense, too much, too late or not at all.

use roost_engine::{Client, EngineError};
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

/// Serves every connection the same bytes, whatever it asks; the connection stays open afterwards when `hold` is set.
fn engine_that_says(dir: &TempDir, bytes: Vec<u8>, hold: bool) -> PathBuf {
    let socket = dir.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bind");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&bytes).await;
            if hold {
                tokio::spawn(async move {
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                });
            }
        }
    });
    socket
}

fn response(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn describe(bytes: Vec<u8>) -> EngineError {
    let dir = tempfile::tempdir().expect("directory");
    let socket = engine_that_says(&dir, bytes, false);
    Client::new(socket)
        .describe()
        .await
        .expect_err("nonsense must not be an instance")
}

#[tokio::test]
async fn no_socket_is_a_lost_engine() {
    let error = Client::new("/nonexistent/api.sock").describe().await.unwrap_err();
    assert!(matches!(&error, EngineError::Transport { .. }), "{error}");
    assert!(error.to_string().contains("/nonexistent/api.sock"), "{error}");
}

#[tokio::test]
async fn garbage_instead_of_http_is_a_lost_engine() {
    let error = describe(b"\x00\xff\x13\x37 not http at all\r\n\r\n".to_vec()).await;
    assert!(matches!(error, EngineError::Transport { .. }), "{error}");
}

#[tokio::test]
async fn garbage_instead_of_json_is_malformed() {
    let error = describe(response("200 OK", "<html>")).await;
    assert!(
        matches!(error, EngineError::Malformed { status: 200, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_keeps_status_and_words() {
    let error = describe(response("400 Bad Request", r#"{"fault_message":"not now"}"#)).await;
    assert!(
        matches!(&error, EngineError::Refused { status: 400, fault_message, .. } if fault_message == "not now")
    );
}

#[tokio::test]
async fn a_redirect_is_malformed() {
    let error = describe(response("302 Found", "")).await;
    assert!(
        matches!(error, EngineError::Malformed { status: 302, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + 1_000_000, b'x');
    let error = describe(bytes).await;
    assert!(matches!(error, EngineError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn a_broken_off_body_is_an_error() {
    let error = describe(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":".to_vec()).await;
    assert!(
        matches!(
            error,
            EngineError::Malformed { .. } | EngineError::Transport { .. }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let socket = engine_that_says(&dir, Vec::new(), true);
    let client = Client::new(socket).with_deadline(Duration::from_millis(50));
    let error = client.describe().await.unwrap_err();
    assert!(matches!(error, EngineError::Deadline { .. }), "{error}");
}
