//! Requests that two servers in a row could read in two ways: each is refused, or is one request for both.
//!
//! The server behind the proxy keeps every byte that it is sent. Whatever a client writes, no second request may appear
//! there that nobody made, and nothing of the client's may appear in the place of a head that the proxy wrote.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{free, server};

/// How a request begins that a client tries to slip past the proxy.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// How long a server waits for more, once something has come.
const REST: Duration = Duration::from_millis(100);

/// A server that keeps what it is sent, and answers each connection once.
async fn recorder() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let seen = Arc::<Mutex<Vec<u8>>>::default();
    let kept = Arc::clone(&seen);
    let address = server(move |mut stream| {
        let kept = Arc::clone(&kept);
        async move {
            let mut buffer = [0; 4096];
            while let Ok(Ok(length @ 1..)) = tokio::time::timeout(REST, stream.read(&mut buffer)).await {
                kept.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
            // The proxy may have broken off.
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                .await;
        }
    })
    .await;
    (address, seen)
}

/// How long a client waits for more.
const QUIET: Duration = Duration::from_secs(1);

/// What a client is answered that writes `bytes`.
async fn answers(front: SocketAddr, bytes: &[u8]) -> String {
    let mut client = TcpStream::connect(front).await.unwrap();
    // It may be answered, and closed, before all is written.
    let _ = client.write_all(bytes).await;
    let mut answer = Vec::new();
    while let Ok(Ok(1..)) = tokio::time::timeout(QUIET, client.read_buf(&mut answer)).await {}
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends `bytes` through a proxy; the first status, and what the server behind it was sent.
async fn through(bytes: &[u8]) -> (u16, String) {
    let (behind, seen) = recorder().await;
    let answer = answers(free(behind).await, bytes).await;
    let status = answer
        .get(9..12)
        .and_then(|code| code.parse().ok())
        .unwrap_or_default();
    let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    (status, seen)
}

#[tokio::test]
async fn what_has_two_lengths_or_none_that_is_sure_is_refused() {
    for headers in [
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 5",
        "Content-Length: +4",
        "Content-Length: -1",
        "Content-Length: 0x4",
        "Content-Length: 4 4",
        "Content-Length: 4\x0b",
        "Content-Length: 99999999999999999999",
        "Content-Length :4",
        "Content-Length\t: 4",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked\x0b",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\x0b: chunked",
        "Transfer-Encoding:\r\n chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Content-Length: 4",
        "X: y\0z",
        "X: y\rContent-Length: 4",
        "X\0: y",
        "X y: z",
        ": y",
    ] {
        let request = format!("POST /shown HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n0\r\n\r\n{HIDDEN}");
        let (status, seen) = through(request.as_bytes()).await;
        assert!(status == 400 || status == 501, "{headers:?}: {status}");
        assert_eq!(seen, "", "{headers:?}");
    }
}

#[tokio::test]
async fn chunks_that_could_end_elsewhere_end_the_exchange() {
    for chunks in [
        "0x4\r\nbody\r\n0\r\n\r\n",
        "-4\r\nbody\r\n0\r\n\r\n",
        "+4\r\nbody\r\n0\r\n\r\n",
        "4 4\r\nbody\r\n0\r\n\r\n",
        "10000000000000004\r\nbody\r\n0\r\n\r\n",
        "4\nbody\r\n0\r\n\r\n",
        "4\r\nbodyXX0\r\n\r\n",
        "4;a\nb\r\nbody\r\n0\r\n\r\n",
        "\r\nbody\r\n0\r\n\r\n",
        "4\rbody\r\n0\r\n\r\n",
    ] {
        let request =
            format!("POST /shown HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{HIDDEN}");
        let (_, seen) = through(request.as_bytes()).await;
        assert!(!seen.contains("hidden"), "{chunks:?}: {seen}");
        assert!(
            !seen.ends_with("0\r\n\r\n"),
            "{chunks:?} was taken for whole: {seen}"
        );
    }
}

#[tokio::test]
async fn a_body_is_passed_as_it_was_measured() {
    // The hidden request lies within the body, however that is measured: it stays there.
    let within = HIDDEN.len();
    for request in [
        format!("POST /shown HTTP/1.1\r\nHost: a\r\nContent-Length: {within}\r\n\r\n{HIDDEN}"),
        format!(
            "POST /shown HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{within:x};x=y\r\n{HIDDEN}\r\n0\r\n\r\n"
        ),
        format!(
            "POST /shown HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nContent-Length: 4\r\n\r\n{within:x}\r\n{HIDDEN}\r\n0\r\n\r\n"
        ),
    ] {
        let (status, seen) = through(request.as_bytes()).await;
        assert_eq!(status, 200, "{request}");
        let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
        assert!(body.contains(HIDDEN), "{seen}");
        let head = head.to_lowercase();
        let chunked = head.contains("transfer-encoding: chunked");
        let measured = head.contains(&format!("content-length: {within}"));
        assert!(
            chunked != measured && head.matches("content-length").count() <= 1,
            "{seen}"
        );
    }
}

#[tokio::test]
async fn request_lines_that_can_be_read_in_two_ways_are_refused() {
    for line in [
        "GET /shown HTTP/1.1 HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET\t/shown\tHTTP/1.1",
        "GET /shown\r HTTP/1.1",
        "GET /sho\0wn HTTP/1.1",
        "GET shown HTTP/1.1",
        "G@T{} /shown HTTP/1.1",
        "GET /shown HTTP/2.0",
        "GET /shown HTTP/1.11",
        "GET /shown http/1.1",
        "PRI * HTTP/2.0",
        "CONNECT guest:22 HTTP/1.1",
        "GET ftp:shown HTTP/1.1",
        "",
    ] {
        let request = format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (status, seen) = through(request.as_bytes()).await;
        assert!(
            status == 400 || status == 505 || status == 0,
            "{line:?}: {status}"
        );
        assert_eq!(seen, "", "{line:?}");
    }
}

#[tokio::test]
async fn a_path_is_passed_as_it_is_and_never_grows_a_line() {
    for path in [
        "//elsewhere/a",
        "/a/../b",
        "/%0d%0aX-Hidden:%201",
        "/%2e%2e%2fb?x=%00",
        "/a;b=c/..;/d",
        "/?http://elsewhere/",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (status, seen) = through(request.as_bytes()).await;
        assert_eq!(status, 200, "{path}");
        assert!(seen.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{seen}");
        assert!(!seen.to_lowercase().contains("\r\nx-hidden"), "{seen}");
    }
    let (_, seen) =
        through(b"GET http://u:p@elsewhere/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(
        seen.starts_with("GET /a HTTP/1.1\r\n") && !seen.contains("elsewhere"),
        "{seen}"
    );
}

#[tokio::test]
async fn names_in_connection_take_nothing_off_that_the_proxy_adds() {
    let request =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, host, content-length, te, x-forwarded-for\r\n\r\n";
    let (status, seen) = through(request.as_bytes()).await;
    assert_eq!(status, 200);
    let hosts = seen.to_lowercase().matches("\r\nhost: ").count();
    assert_eq!(hosts, 1, "a request has one host whatever a client names: {seen}");
}

#[tokio::test]
async fn what_comes_after_a_request_is_a_request_of_its_own() {
    let both = format!("GET /first HTTP/1.1\r\nHost: a\r\n\r\n{HIDDEN}");
    let (behind, seen) = recorder().await;
    let answer = answers(free(behind).await, both.as_bytes()).await;
    let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    assert_eq!(
        answer.matches("HTTP/1.1 200").count(),
        seen.matches(" HTTP/1.1\r\n").count(),
        "each that was passed was answered: {answer}\n{seen}"
    );
}
