//! What can be reached, and how.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roost_schemas::envd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{World, agent, head, listen, mirror, rest};

#[tokio::test]
async fn a_guest_sees_the_request_and_nothing_of_the_way() {
    let world = World::new().await;
    let port = listen((world.guest, 0).into(), mirror).await;
    let mut stream = world
        .send(
            "GET /a?b",
            port,
            "roost-else: 1\r\nX-A: 1\r\nConnection: close\r\n\r\n",
        )
        .await;
    let seen = rest(&mut stream).await;
    assert!(
        seen.contains("GET /a?b HTTP/1.1\r\n") && seen.contains("x-a: 1\r\n"),
        "{seen}"
    );
    assert!(!seen.contains("roost-"), "{seen}");
}

#[tokio::test]
async fn a_guest_cannot_speak_for_the_edge() {
    let world = World::new().await;
    let port = listen((world.guest, 0).into(), |mut stream| async move {
        head(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\nroost-edge-error: no_sandbox\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let answer = world.get("/", port).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && !answer.contains("roost-"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_listens_on_the_guest_s_loopback_is_reached_through_the_agent() {
    let world = World::new().await;
    // Not at the guest's address, so only the agent gets there.
    let port = listen((Ipv4Addr::LOCALHOST, 0).into(), mirror).await;
    agent(world.guest, port, "502 Bad Gateway").await;
    let answer = world.get("/inside", port).await;
    assert!(answer.contains("GET /inside HTTP/1.1"), "{answer}");
}

#[tokio::test]
async fn a_websocket_passes_through_the_agent_too() {
    let world = World::new().await;
    let port = listen((Ipv4Addr::LOCALHOST, 0).into(), |mut stream| async move {
        assert!(head(&mut stream).await.contains("upgrade: websocket"));
        let agreed = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(agreed).await.unwrap();
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    })
    .await;
    agent(world.guest, port, "502 Bad Gateway").await;
    let mut stream = world
        .send("GET /", port, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 101"));
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(rest(&mut stream).await, "ping");
}

#[tokio::test]
async fn the_agent_s_connections_are_kept_and_a_server_s_are_not() {
    let world = World::new().await;
    let counts = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let counting = |count: &Arc<AtomicUsize>| {
        let count = Arc::clone(count);
        move |stream| {
            count.fetch_add(1, Ordering::SeqCst);
            mirror(stream)
        }
    };
    listen((world.guest, envd::PORT).into(), counting(&counts[0])).await;
    let port = listen((world.guest, 0).into(), counting(&counts[1])).await;
    for _ in 0..3 {
        assert!(world.get("/health", envd::PORT).await.contains("200 OK"));
        assert!(world.get("/health", port).await.contains("200 OK"));
    }
    let counts = counts.map(|count| count.load(Ordering::SeqCst));
    assert_eq!(counts[1], 3);
    // A spare one may have been under way when a kept one came free.
    assert!(counts[0] < 3, "{counts:?}");
}
