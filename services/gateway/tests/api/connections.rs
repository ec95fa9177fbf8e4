//! Connections: so many, none that dawdles, and what comes over them may be anything.

use std::net::SocketAddr;
use std::time::Duration;

use roost_gateway::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ports::stage::listening_with;
use crate::world::{LONG, World, limits};

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// What comes until the gateway closes the connection; a reset is an end, too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    let read = async {
        while let Ok(bytes @ 1..) = stream.read(&mut chunk).await {
            all.extend_from_slice(&chunk[..bytes]);
        }
    };
    timeout(LONG, read).await.expect("the gateway closes it");
    String::from_utf8_lossy(&all).into_owned()
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = connect(address).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    // It may be closed already.
    let _ = stream.write_all(request.as_bytes()).await;
    rest(&mut stream).await
}

async fn until_healthy(address: SocketAddr) {
    let healthy = async {
        while !get(address, "/health").await.starts_with("HTTP/1.1 200") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, healthy).await.expect("it serves again");
}

async fn stage(limits: Limits) -> (World, SocketAddr) {
    let world = World::with(limits.clone()).await;
    let address = listening_with(&world, limits).await;
    (world, address)
}

/// A connection that has been answered, so that it has its place, and stays open.
async fn settled(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address).await;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_too_many_is_told_to_come_again_in_the_shape_it_knows() {
    let (_world, address) = stage(Limits {
        connections: 2,
        ..limits()
    })
    .await;
    let (first, _second) = (settled(address).await, settled(address).await);
    let ours = get(address, "/v1/sandboxes").await;
    assert!(ours.starts_with("HTTP/1.1 503"), "{ours}");
    assert!(ours.to_lowercase().contains("retry-after: "), "{ours}");
    assert!(ours.to_lowercase().contains("connection: close"), "{ours}");
    assert!(ours.contains(r#"{"error":{"code":"unavailable""#), "{ours}");
    let theirs = get(address, "/sandboxes").await;
    assert!(theirs.contains(r#"{"code":503,"message":""#), "{theirs}");
    drop(first);
    until_healthy(address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_is_closed_and_passes() {
    let (_world, address) = stage(Limits {
        connections: 8,
        ..limits()
    })
    .await;
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(connect(address).await);
    }
    // Those without any place are closed at once, those with a spare one soon.
    let mut closed = 0;
    for stream in flood.iter_mut().skip(8) {
        closed += usize::from(rest(stream).await.is_empty());
    }
    assert_eq!(closed, 292);
    drop(flood);
    until_healthy(address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_drips_is_cut_off() {
    let (_world, address) = stage(Limits {
        head: Duration::from_millis(300),
        ..limits()
    })
    .await;
    let mut idle = connect(address).await;
    let mut dripping = connect(address).await;
    let drip = async {
        dripping.write_all(b"GET /health HTTP/1.1\r\nX: ").await.unwrap();
        while dripping.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, drip).await.expect("it is cut off");
    assert_eq!(rest(&mut idle).await, "");
    until_healthy(address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_answered_or_cut_off_and_nothing_more() {
    let (_world, address) = stage(limits()).await;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: x\r\n".repeat(1000));
    let path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1 << 20));
    for (garbage, status) in [
        (long.as_bytes(), "431"),
        (many.as_bytes(), "431"),
        (path.as_bytes(), "4"),
        (&b"\x00\xff\x16\x03\x01\x02\x00\r\n\r\n"[..], "400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"),
        (
            b"POST /v1/sandboxes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
            "4",
        ),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ] {
        let mut stream = connect(address).await;
        // It may be cut off before all of it is written.
        let _ = stream.write_all(garbage).await;
        let _ = stream.shutdown().await;
        let answer = rest(&mut stream).await;
        let shown = String::from_utf8_lossy(&garbage[..garbage.len().min(40)]);
        assert!(
            answer.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{shown}: {answer}"
        );
    }
    until_healthy(address).await;
}
