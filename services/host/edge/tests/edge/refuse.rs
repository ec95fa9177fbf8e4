//! What is refused, and with which word.

use std::net::IpAddr;

use roost_edge::MAX_IN_FLIGHT;
use roost_runtime::port::Edge as _;
use roost_schemas::edge::{ERROR, EdgeError};
use roost_schemas::envd;
use tokio::io::AsyncWriteExt;

use crate::support::{World, agent, head, listen, mirror, owner, rest, tokens};

#[track_caller]
fn refused(answer: &str, status: u16, error: EdgeError) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(&format!("{ERROR}: {error}\r\n")), "{answer}");
}

#[tokio::test]
async fn only_gateways_are_heard() {
    let world = World::new().await;
    let port = listen((world.guest, 0).into(), mirror).await;
    let token = tokens().edge();
    for headers in [
        String::new(),
        format!("roost-sandbox: sbx\r\nroost-port: {port}\r\n"),
        format!(
            "roost-sandbox: sbx\r\nroost-port: {port}\r\nroost-edge-token: {}\r\n",
            "0".repeat(40)
        ),
        format!(
            "roost-sandbox: sbx\r\nroost-port: {port}\r\nroost-edge-token: {token}\r\nroost-edge-token: {token}\r\n"
        ),
        format!("roost-sandbox: ../x\r\nroost-port: {port}\r\nroost-edge-token: {token}\r\n"),
        format!("roost-sandbox: sbx\r\nroost-port: 0\r\nroost-edge-token: {token}\r\n"),
        format!("roost-sandbox: sbx\r\nroost-edge-token: {token}\r\n"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
        refused(
            &rest(&mut world.raw(&request).await).await,
            403,
            EdgeError::Forbidden,
        );
    }
    let mut connect = world
        .send("CONNECT 127.0.0.1:22", port, "Connection: close\r\n\r\n")
        .await;
    refused(&rest(&mut connect).await, 403, EdgeError::Forbidden);
}

#[tokio::test]
async fn the_agent_s_own_paths_stay_the_host_s() {
    let world = World::new().await;
    listen((world.guest, envd::PORT).into(), mirror).await;
    for path in ["/init", "/audit", "//init", "/%69nit", "/files/../init", "/"] {
        refused(&world.get(path, envd::PORT).await, 404, EdgeError::NoPath);
    }
    let answer = world.get("/files?path=/init", envd::PORT).await;
    assert!(answer.contains("GET /files?path=/init HTTP/1.1"), "{answer}");
}

#[tokio::test]
async fn an_upgrade_at_the_agent_is_not_passed_on() {
    let world = World::new().await;
    listen((world.guest, envd::PORT).into(), mirror).await;
    let mut stream = world
        .send(
            "GET /health",
            envd::PORT,
            "Connection: upgrade, close\r\nUpgrade: roost-audit\r\n\r\n",
        )
        .await;
    let seen = rest(&mut stream).await;
    assert!(
        seen.starts_with("HTTP/1.1 200") && !seen.contains("upgrade"),
        "{seen}"
    );
}

#[tokio::test]
async fn a_port_that_is_closed_is_told_from_a_guest_that_is_silent() {
    let world = World::new().await;
    agent(world.guest, 0, "502 Bad Gateway").await;
    refused(&world.get("/", 1).await, 502, EdgeError::PortClosed);
    let broken = World::new().await;
    agent(broken.guest, 0, "504 Gateway Timeout").await;
    refused(&broken.get("/", 1).await, 502, EdgeError::Unreachable);
    // Without an agent nothing says that the port is open.
    let gone = World::new().await;
    refused(&gone.get("/", 1).await, 502, EdgeError::PortClosed);
    refused(&gone.get("/health", envd::PORT).await, 502, EdgeError::PortClosed);
}

#[tokio::test]
async fn a_server_that_answers_nonsense_is_unreachable() {
    let world = World::new().await;
    let port = listen((world.guest, 0).into(), |mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"SSH-2.0-x\r\n").await.unwrap();
    })
    .await;
    refused(&world.get("/", port).await, 502, EdgeError::Unreachable);
}

#[tokio::test]
async fn a_sandbox_of_another_host_is_not_here() {
    let world = World::new().await;
    let token = tokens().edge();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nroost-sandbox: other\r\nroost-port: 80\r\nroost-edge-token: {token}\r\n\r\n"
    );
    refused(
        &rest(&mut world.raw(&request).await).await,
        502,
        EdgeError::NoSandbox,
    );
}

#[tokio::test]
async fn a_sandbox_has_so_many_requests_and_another_one_its_own() {
    let world = World::new().await;
    let silent = |stream: tokio::net::TcpStream| async move {
        // Held open, never answered.
        std::future::pending::<()>().await;
        drop(stream);
    };
    let port = listen((world.guest, 0).into(), silent).await;
    let mut other = owner(1);
    other.sandbox = roost_schemas::SandboxId::new("other").unwrap();
    let neighbour: IpAddr = world.guest;
    world.edge.open(&other, neighbour);
    let mirrored = listen((world.guest, 0).into(), mirror).await;
    let mut held = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        held.push(world.send("GET /", port, "\r\n").await);
    }
    let busy = loop {
        // Those before it may still be on their way.
        let answer = world.get("/", mirrored).await;
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
    };
    refused(&busy, 503, EdgeError::Busy);
    let token = tokens().edge();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nroost-sandbox: other\r\nroost-port: {mirrored}\r\nroost-edge-token: {token}\r\n\r\n"
    );
    let answer = rest(&mut world.raw(&request).await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(held);
    // The places come free as the edge learns that they went.
    while !world.get("/", mirrored).await.starts_with("HTTP/1.1 200") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
