//! Heads and lengths: what is passed, what is changed, what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{answering, free, head, rest, send, server, talk, until};

/// An empty body in chunks, and what comes after it.
const SMUGGLED: &str = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers with the head it was sent, as text.
async fn mirror(mut stream: TcpStream) {
    let head = head(&mut stream).await;
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_server_sees_the_request_but_not_what_was_for_the_proxy() {
    let front = free(server(mirror).await).await;
    let seen = talk(
        front,
        "GET http://elsewhere/a?b=%20c HTTP/1.1\r\nHost: shown:1\r\nX-A: 1\r\nX-A: 2\r\nX-Hop: 1\r\nConnection: close, X-Hop\r\nKeep-Alive: 5\r\n\r\n",
    )
    .await;
    assert!(seen.contains("GET /a?b=%20c HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("host: shown:1\r\nx-a: 1\r\nx-a: 2\r\n"), "{seen}");
    for hop in ["x-hop", "keep-alive"] {
        assert!(!seen.contains(hop), "{hop}: {seen}");
    }
}

#[tokio::test]
async fn a_body_that_could_end_in_two_places_is_refused() {
    let front = free(server(mirror).await).await;
    for headers in [
        "Content-Length: 4\r\nContent-Length: 5",
        "Transfer-Encoding: chunked, identity",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{SMUGGLED}");
        let answer = talk(front, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        assert!(!answer.contains("smuggled"), "{headers}: {answer}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_never_passed_on() {
    // The chunks are what counts (RFC 9112, 6.3), and nothing is read after them.
    let front = free(server(mirror).await).await;
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{SMUGGLED}");
        let seen = talk(front, &request).await;
        assert!(seen.contains("transfer-encoding: chunked"), "{headers}: {seen}");
        assert!(!seen.contains("content-length: 5\r\n"), "{headers}: {seen}");
        assert!(!seen.contains("smuggled"), "{headers}: {seen}");
    }
}

#[tokio::test]
async fn connect_and_targets_without_a_path_are_refused() {
    let front = free(server(mirror).await).await;
    for line in ["CONNECT inside:22", "GET *"] {
        let answer = talk(
            front,
            &format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{line}: {answer}");
    }
    let answer = talk(
        front,
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.contains("OPTIONS * HTTP/1.1"), "{answer}");
}

#[tokio::test]
async fn a_head_is_answered_with_a_head_alone() {
    let front = free(answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: x\r\n\r\n").await).await;
    let answer = talk(front, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 5\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    let front = free(answering("HTTP/1.1 200 OK\r\n\r\n").await).await;
    let answer = talk(front, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(!answer.contains("content-length"), "{answer}");
}

#[tokio::test]
async fn early_hints_are_passed_over_and_the_answer_is_not() {
    let front = free(
        answering(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\nX-End: 1\r\n\r\n",
        )
        .await,
    )
    .await;
    let answer = talk(front, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 204") && answer.contains("x-end: 1"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_old_server_s_answer_ends_where_it_closes() {
    let front = free(answering("HTTP/1.0 200 OK\r\n\r\nall of it").await).await;
    let answer = talk(front, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("9\r\nall of it\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let front = free(
        server(|mut stream| async move {
            head(&mut stream).await;
            let body = until(&mut stream, "\r\n\r\n").await;
            assert!(body.to_lowercase().contains("x-sum: 1"), "{body}");
            let answer = "HTTP/1.1 200 OK\r\nTrailer: x-total\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-total: 2\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await,
    )
    .await;
    let answer = talk(
        front,
        "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\nConnection: close, te\r\n\r\n1\r\nb\r\n0\r\nx-sum: 1\r\n\r\n",
    )
    .await;
    assert!(
        answer.to_lowercase().ends_with("0\r\nx-total: 2\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_is_asked_for_when_the_server_wants_it() {
    let front = free(
        server(|mut stream| async move {
            let seen = head(&mut stream).await;
            assert!(seen.contains("expect: 100-continue"), "{seen}");
            if seen.starts_with("POST /no") {
                stream
                    .write_all(
                        b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    )
                    .await
                    .unwrap();
                return;
            }
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            let mut body = [0; 4];
            stream.read_exact(&mut body).await.unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
                .await
                .unwrap();
            stream.write_all(&body).await.unwrap();
        })
        .await,
    )
    .await;
    let request = |path| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let refused = talk(front, &request("/no")).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let mut client = send(front, &request("/yes")).await;
    assert_eq!(head(&mut client).await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"body").await.unwrap();
    assert!(rest(&mut client).await.ends_with("\r\n\r\nbody"));
}

#[tokio::test]
async fn a_pooled_connection_that_is_dead_is_not_what_the_client_hears_of() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // Each connection serves one request, says nothing of closing, and closes.
    let front = free(
        server(move |mut stream| {
            let counted = Arc::clone(&counted);
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                head(&mut stream).await;
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await
                    .unwrap();
            }
        })
        .await,
    )
    .await;
    for _ in 0..3 {
        let answer = talk(front, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("ok"), "{answer}");
        // The proxy must have seen the close: what races with it is nobody's to decide. Each pause is a turn for its task.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}
