//! Closing: at once, whatever is under way, and for this placement alone.

use roost_runtime::port::Edge as _;
use roost_schemas::envd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::support::{LONG, World, head, listen, mirror, owner, rest};

#[tokio::test]
async fn what_waits_streams_or_tunnels_is_broken_off_on_both_sides() {
    let world = World::new().await;
    let (ended, mut is_ended) = mpsc::channel(8);
    let port = listen((world.guest, 0).into(), move |mut stream| {
        let ended = ended.clone();
        async move {
            let answer = match head(&mut stream).await {
                head if head.starts_with("GET /stream") => {
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
                }
                head if head.starts_with("GET /tunnel") => {
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
                }
                _ => "",
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
            ended.send(()).await.unwrap();
        }
    })
    .await;
    let mut wait = world.send("GET /wait", port, "Connection: close\r\n\r\n").await;
    let mut stream = world.send("GET /stream", port, "\r\n").await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    let mut tunnel = world
        .send("GET /tunnel", port, "Connection: upgrade\r\nUpgrade: x\r\n\r\n")
        .await;
    assert!(head(&mut tunnel).await.starts_with("HTTP/1.1 101"));
    tunnel.write_all(b"bytes").await.unwrap();

    world.edge.close(&owner(1));
    assert!(rest(&mut wait).await.contains("no_sandbox"));
    assert!(!rest(&mut stream).await.ends_with("0\r\n\r\n"));
    assert_eq!(rest(&mut tunnel).await, "");
    for _ in 0..3 {
        tokio::time::timeout(LONG, is_ended.recv()).await.unwrap();
    }
    assert!(world.get("/", port).await.contains("no_sandbox"));
}

#[tokio::test]
async fn what_is_pooled_is_dropped() {
    let world = World::new().await;
    let (ended, mut is_ended) = mpsc::channel(8);
    listen((world.guest, envd::PORT).into(), move |stream| {
        let ended = ended.clone();
        async move {
            // Ends when the edge closes its connection.
            mirror(stream).await;
            ended.send(()).await.unwrap();
        }
    })
    .await;
    assert!(world.get("/health", envd::PORT).await.contains("200 OK"));
    assert!(is_ended.try_recv().is_err(), "it is kept");
    world.edge.close(&owner(1));
    tokio::time::timeout(std::time::Duration::from_secs(2), is_ended.recv())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_older_placement_s_end_is_not_the_newer_one_s() {
    let world = World::new().await;
    let port = listen((world.guest, 0).into(), mirror).await;
    world.edge.open(&owner(2), world.guest);
    world.edge.close(&owner(1));
    assert!(world.get("/", port).await.contains("200 OK"));
}

#[tokio::test]
async fn with_the_last_edge_the_listener_goes() {
    let world = World::new().await;
    let address = world.address();
    let port = listen((world.guest, 0).into(), mirror).await;
    let mut kept = world.send("GET /", port, "\r\n").await;
    assert!(head(&mut kept).await.contains("200 OK"));
    drop(world);
    rest(&mut kept).await;
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
