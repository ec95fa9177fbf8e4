//! What the gateway itself answers, as E2B's contract has it.

use std::time::Duration;

use roost_runtime::port::Edge as _;
use roost_schemas::envd;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::{Stage, head, listen, mirror, owner, refused, rest, send};

#[tokio::test]
async fn a_sandbox_that_is_dead_or_never_was_is_not_found() {
    let stage = Stage::new().await;
    let not_found = |id: &str| json!({"sandboxId": id, "message": "The sandbox was not found", "code": 502});
    let never = stage.get("80-nosuch.sandboxes.test", "/", "").await;
    assert_eq!(refused(&never, 502), not_found("nosuch"));
    stage
        .world
        .delete(&format!("/v1/sandboxes/{}", stage.id))
        .send()
        .await
        .ok(204);
    for headers in [
        format!("E2b-Sandbox-Id: {}\r\n", stage.id),
        format!("E2b-Sandbox-Id: {}\r\nE2b-Sandbox-Port: 80\r\n", stage.id),
    ] {
        let dead = stage.get("localhost", "/health", &headers).await;
        assert_eq!(refused(&dead, 502), not_found(&stage.id));
    }
}

#[tokio::test]
async fn a_closed_port_is_told_and_a_browser_gets_a_page() {
    let stage = Stage::new().await;
    let closed = stage.get(&stage.name(9), "/", "").await;
    assert_eq!(
        refused(&closed, 502),
        json!({"sandboxId": stage.id, "message": "The sandbox is running but port is not open", "port": 9, "code": 502})
    );
    let page = stage
        .get(&stage.name(9), "/", "Accept: text/html,*/*;q=0.8\r\n")
        .await;
    assert!(
        page.starts_with("HTTP/1.1 502") && page.contains("content-type: text/html"),
        "{page}"
    );
    assert!(
        page.contains("<h1>The sandbox is running but port is not open</h1>"),
        "{page}"
    );
    assert!(
        page.contains(&format!("Port 9 of sandbox {}", stage.id)),
        "{page}"
    );
}

#[tokio::test]
async fn a_server_that_breaks_off_is_no_dead_sandbox() {
    let stage = Stage::new().await;
    let port = listen((stage.guest, 0).into(), |mut stream| async move {
        head(&mut stream).await;
    })
    .await;
    let body = refused(&stage.get(&stage.name(port), "/", "").await, 502);
    assert_eq!(
        body["message"],
        "The sandbox is running but its port does not answer"
    );
}

/// SDKs keep one pool for the API and for sandboxes: a connection that was closed unheard cuts their next call off.
#[tokio::test]
async fn a_refusal_that_did_not_wait_for_the_body_leaves_the_connection_fit_for_the_next_request() {
    let stage = Stage::new().await;
    for host in [stage.name(9), "80-nosuch.sandboxes.test".to_owned()] {
        let request = format!("POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 8\r\n\r\nhalf");
        let mut stream = send(stage.address, &request).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(b"late").await.unwrap();
        let refusal = head(&mut stream).await;
        assert!(refusal.starts_with("HTTP/1.1 502"), "{refusal}");
        assert!(!refusal.contains("connection: close"), "{refusal}");
        skip_body(&mut stream, &refusal).await;
        let next = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(next.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn a_refusal_that_cannot_wait_for_the_body_says_that_it_is_the_last() {
    let stage = Stage::new().await;
    let request = "POST /x HTTP/1.1\r\nHost: 80-nosuch.sandboxes.test\r\nContent-Length: 8\r\n\r\nhalf";
    let answer = rest(&mut send(stage.address, request).await).await;
    assert!(answer.contains("connection: close"), "{answer}");
    refused(&answer, 502);
}

/// Reads the body that `head` declares.
async fn skip_body(stream: &mut TcpStream, head: &str) {
    let (_, length) = head.split_once("content-length: ").unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).await.unwrap();
}

#[tokio::test]
async fn what_names_no_port_is_a_bad_request() {
    let stage = Stage::new().await;
    for (host, headers) in [
        ("0-abc.sandboxes.test", String::new()),
        ("99999-abc.sandboxes.test", String::new()),
        ("80-a_b.sandboxes.test", String::new()),
        ("localhost", "E2b-Sandbox-Id: ../x\r\n".to_owned()),
        (
            "localhost",
            format!("E2b-Sandbox-Id: {}\r\nE2b-Sandbox-Port: http\r\n", stage.id),
        ),
        (
            "localhost",
            format!("E2b-Sandbox-Id: a\r\nE2b-Sandbox-Id: {}\r\n", stage.id),
        ),
    ] {
        assert_eq!(
            refused(&stage.get(host, "/", &headers).await, 400)["code"],
            400,
            "{host} {headers}"
        );
    }
    let request = format!(
        "CONNECT inside:22 HTTP/1.1\r\nHost: inside:22\r\nE2b-Sandbox-Id: {}\r\nConnection: close\r\n\r\n",
        stage.id
    );
    refused(&rest(&mut send(stage.address, &request).await).await, 400);
}

#[tokio::test]
async fn the_agent_s_own_paths_are_not_there() {
    let stage = Stage::new().await;
    listen((stage.guest, envd::PORT).into(), mirror).await;
    for path in ["/init", "/audit", "/%69nit"] {
        assert_eq!(
            refused(&stage.get(&stage.name(envd::PORT), path, "").await, 404)["code"],
            404
        );
    }
}

#[tokio::test]
async fn a_running_sandbox_whose_host_is_away_is_not_taken_for_dead() {
    let stage = Stage::new().await;
    let port = stage.mirror().await;
    // The log says that it runs; its host has not taken it up again yet.
    stage.edge.close(&owner(&stage.id));
    let body = refused(&stage.get(&stage.name(port), "/", "").await, 503);
    assert_eq!(body["code"], 503);
    let name = stage.name(port);
    drop(stage.edge);
    let answer = super::stage::get(stage.address, &name, "/", "").await;
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    refused(&answer, 503);
}

#[tokio::test]
async fn an_answer_in_error_is_the_guest_s_own_and_passes_as_it_is() {
    let stage = Stage::new().await;
    let port = listen((stage.guest, 0).into(), |mut stream| async move {
        head(&mut stream).await;
        let answer = b"HTTP/1.1 502 Mine\r\nroost-edge-error: no_sandbox\r\nContent-Length: 4\r\n\r\nmine";
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let answer = stage.get(&stage.name(port), "/", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 502") && answer.ends_with("mine"),
        "{answer}"
    );
}
