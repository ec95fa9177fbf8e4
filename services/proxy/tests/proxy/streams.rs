//! Bodies: as they come, no faster than they are taken, and ended with their other side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::{LONG, free, head, proxy, rest, send, server, talk, until};

#[tokio::test]
async fn events_pass_one_by_one() {
    let (next, wanted) = mpsc::channel::<()>(1);
    let wanted = Arc::new(tokio::sync::Mutex::new(wanted));
    let front = free(
        server(move |mut stream| {
            let wanted = Arc::clone(&wanted);
            async move {
                head(&mut stream).await;
                let begin = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
                stream.write_all(begin.as_bytes()).await.unwrap();
                for number in 0..3 {
                    // Only once the client has the event before.
                    wanted.lock().await.recv().await;
                    let event = format!("data: {number}\n\n");
                    stream.write_all(event.as_bytes()).await.unwrap();
                }
            }
        })
        .await,
    )
    .await;
    let mut client = send(
        front,
        "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n",
    )
    .await;
    assert!(head(&mut client).await.contains("text/event-stream"));
    for number in 0..3 {
        next.send(()).await.unwrap();
        let event = until(&mut client, "\n\n").await;
        assert!(event.ends_with(&format!("data: {number}\n\n")), "{event}");
    }
}

#[tokio::test]
async fn a_request_s_body_passes_as_it_comes() {
    let front = free(
        server(|mut stream| async move {
            head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await
                .unwrap();
            // Echoes each chunk before the next one is sent.
            let mut bytes = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut bytes).await {
                stream.write_all(&bytes[..count]).await.unwrap();
            }
        })
        .await,
    )
    .await;
    let mut client = send(
        front,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    for text in ["one", "two"] {
        client
            .write_all(format!("3\r\n{text}\r\n").as_bytes())
            .await
            .unwrap();
        assert!(until(&mut client, text).await.contains("3\r\n"));
    }
    client.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(until(&mut client, "0\r\n\r\n").await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn who_reads_nothing_holds_its_server_up_and_nobody_else() {
    const FLOOD: usize = 1 << 30;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let front = free(
        server(move |mut stream| {
            let sent = Arc::clone(&counted);
            async move {
                if head(&mut stream).await.starts_with("GET /small") {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    return stream.write_all(answer).await.unwrap();
                }
                let begin = format!("HTTP/1.1 200 OK\r\nContent-Length: {FLOOD}\r\n\r\n");
                stream.write_all(begin.as_bytes()).await.unwrap();
                let chunk = vec![0; 64 * 1024];
                while stream.write_all(&chunk).await.is_ok() {
                    sent.fetch_add(chunk.len(), Ordering::SeqCst);
                }
            }
        })
        .await,
    )
    .await;
    let stalled = send(front, "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut last = usize::MAX;
    while last != sent.load(Ordering::SeqCst) || last == 0 {
        last = sent.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(last < 64 << 20, "{last} bytes are somewhere");
    let answer = talk(
        front,
        "GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.ends_with("ok"), "{answer}");
    drop(stalled);
}

#[tokio::test]
async fn a_server_that_reads_nothing_holds_its_client_up() {
    let front = free(
        server(|mut stream| async move {
            head(&mut stream).await;
            std::future::pending::<()>().await;
        })
        .await,
    )
    .await;
    let mut client = send(
        front,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, "x".repeat(64 * 1024));
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_millis(300), client.write_all(chunk.as_bytes()))
        .await
        .is_ok()
    {
        sent += chunk.len();
        assert!(sent < 64 << 20, "{sent} bytes are somewhere");
    }
}

#[tokio::test]
async fn a_client_that_goes_takes_its_server_s_connection_along() {
    let (ended, mut is_ended) = mpsc::channel(2);
    let front = free(
        server(move |mut stream| {
            let ended = ended.clone();
            async move {
                if head(&mut stream).await.starts_with("GET /streaming") {
                    let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
                    stream.write_all(begin).await.unwrap();
                }
                // Nothing more to say: the connection ends when the proxy ends it.
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                ended.send(()).await.unwrap();
            }
        })
        .await,
    )
    .await;
    let waiting = send(front, "GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(waiting);
    tokio::time::timeout(LONG, is_ended.recv()).await.unwrap();
    let mut streaming = send(front, "GET /streaming HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until(&mut streaming, "a\r\n").await;
    drop(streaming);
    tokio::time::timeout(LONG, is_ended.recv()).await.unwrap();
}

#[tokio::test]
async fn an_ended_lease_breaks_off_what_waits_what_streams_and_what_is_sent() {
    let (gone, mut all_gone) = mpsc::channel(3);
    let server = server(move |mut stream| {
        let gone = gone.clone();
        async move {
            if head(&mut stream).await.starts_with("GET /streaming") {
                let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
                stream.write_all(begin).await.unwrap();
            }
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let ended = CancellationToken::new();
    let front = proxy(server, &ended).await;
    let mut waiting = send(
        front,
        "GET /waiting HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    let mut sending = send(
        front,
        "POST /sending HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf",
    )
    .await;
    let mut streaming = send(front, "GET /streaming HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until(&mut streaming, "a\r\n").await;
    ended.cancel();
    assert!(rest(&mut waiting).await.starts_with("HTTP/1.1 502"));
    assert!(rest(&mut sending).await.starts_with("HTTP/1.1 502"));
    assert!(
        !rest(&mut streaming).await.ends_with("0\r\n\r\n"),
        "it did not end by itself"
    );
    // Three times, as each of the server's connections is told of the end.
    for _ in 0..3 {
        tokio::time::timeout(LONG, all_gone.recv()).await.unwrap();
    }
}
