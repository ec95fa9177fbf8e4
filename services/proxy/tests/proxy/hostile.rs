//! Servers that mean no good: a typed failure in bounded memory, and nobody else is touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roost_proxy::MAX_HEAD;
use tokio::io::AsyncWriteExt;

use crate::support::{answering, free, head, server, talk};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn what_is_no_answer_is_a_bad_gateway() {
    for garbage in [
        "",
        "\r\n",
        "\0\0\0\0",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y",
    ] {
        let front = free(answering(garbage).await).await;
        let answer = talk(front, GET).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{garbage:?}: {answer}");
    }
}

#[tokio::test]
async fn headers_without_an_end_are_cut() {
    let sent = Arc::new(AtomicUsize::new(0));
    for line in ["X: y\r\n".to_owned(), format!("X: {}\r\n", "y".repeat(4096))] {
        sent.store(0, Ordering::SeqCst);
        let counted = Arc::clone(&sent);
        let front = free(
            server(move |mut stream| {
                let (line, counted) = (line.clone(), Arc::clone(&counted));
                async move {
                    head(&mut stream).await;
                    let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
                    while written.is_ok() {
                        counted.fetch_add(line.len(), Ordering::SeqCst);
                        written = stream.write_all(line.as_bytes()).await;
                    }
                }
            })
            .await,
        )
        .await;
        let answer = talk(front, GET).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        // What the sockets between hold comes on top; it is the kernel's, and bounded.
        assert!(sent.load(Ordering::SeqCst) < MAX_HEAD + (16 << 20));
    }
}

#[tokio::test]
async fn a_body_shorter_than_it_says_is_not_taken_for_whole() {
    for short in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ] {
        let front = free(answering(short).await).await;
        let answer = talk(front, GET).await;
        let whole = answer.ends_with("0\r\n\r\n") || (answer.contains("content-length: 4"));
        assert!(!whole, "{short:?}: {answer}");
    }
}

#[tokio::test]
async fn a_longer_body_does_not_become_the_next_answer() {
    let front = free(
        server(|mut stream| async move {
            while !head(&mut stream).await.is_empty() {
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra";
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        })
        .await,
    )
    .await;
    for _ in 0..4 {
        let answer = talk(front, GET).await;
        assert!(answer.ends_with("\r\n\r\na"), "{answer}");
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_refused() {
    let front = free(
        answering("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes").await,
    )
    .await;
    let answer = talk(front, GET).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
}
