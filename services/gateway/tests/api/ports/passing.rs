//! What passes, and how a guest sees it.

use axum::http::Method;
use futures::{SinkExt, StreamExt};
use roost_runtime::port::Edge as _;
use roost_schemas::envd;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::stage::{Stage, head, listen, mirror, owner, rest, send};
use crate::client::KEY;
use crate::world::{LONG, tokens};

#[tokio::test]
async fn a_port_has_a_name_and_headers_do_as_well() {
    let stage = Stage::new().await;
    let port = stage.mirror().await;
    let upper = stage.name(port).to_uppercase();
    let routed = format!("E2b-Sandbox-Id: {}\r\nE2b-Sandbox-Port: {port}\r\n", stage.id);
    for (host, headers) in [
        (stage.name(port), ""),
        (format!("{upper}:9999"), ""),
        ("127.0.0.1:8080".to_owned(), routed.as_str()),
    ] {
        let seen = stage.get(&host, "/a?b=c", headers).await;
        assert!(seen.starts_with("HTTP/1.1 200"), "{host}: {seen}");
        assert!(seen.contains("GET /a?b=c HTTP/1.1"), "{host}: {seen}");
        assert!(seen.contains(&format!("host: {host}\r\n")), "{host}: {seen}");
        assert!(seen.contains("x-forwarded-for: 127.0.0.1\r\n"), "{host}: {seen}");
        assert!(
            !seen.contains("e2b-sandbox") && !seen.contains("roost-"),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn without_a_port_the_agent_is_meant_and_without_either_the_gateway() {
    let stage = Stage::new().await;
    listen((stage.guest, envd::PORT).into(), mirror).await;
    let routed = format!("E2b-Sandbox-Id: {}\r\nX-Access-Token: t\r\n", stage.id);
    let seen = stage.get("localhost", "/health", &routed).await;
    assert!(seen.contains("x-access-token: t\r\n"), "{seen}");
    let own = stage.get("localhost", "/health", "").await;
    assert!(own.contains("\"status\":\"ok\""), "{own}");
    let named = stage.get(&stage.name(envd::PORT), "/health", "").await;
    assert!(named.contains("GET /health"), "{named}");
}

#[tokio::test]
async fn the_api_s_key_stays_here_and_a_guest_s_own_does_not() {
    let stage = Stage::new().await;
    let port = stage.mirror().await;
    let ours = format!("X-API-Key: {KEY}\r\nAuthorization: Bearer {KEY}\r\nroost-sandbox: other\r\n");
    let seen = stage.get(&stage.name(port), "/", &ours).await;
    assert!(seen.starts_with("HTTP/1.1 200") && !seen.contains(KEY), "{seen}");
    assert!(!seen.contains("roost-"), "{seen}");
    let theirs = "X-API-Key: theirs\r\nAuthorization: Bearer theirs\r\nConnection: x-forwarded-for\r\n";
    let seen = stage.get(&stage.name(port), "/", theirs).await;
    for theirs in ["x-api-key: theirs\r\n", "authorization: Bearer theirs\r\n"] {
        assert!(seen.contains(theirs), "{seen}");
    }
    assert!(
        seen.contains("x-forwarded-for: 127.0.0.1\r\n"),
        "not the client's to take off: {seen}"
    );
}

#[tokio::test]
async fn bodies_have_no_bound_here() {
    const BYTES: usize = 3 << 20;
    let stage = Stage::new().await;
    let port = listen((stage.guest, 0).into(), |mut stream| async move {
        head(&mut stream).await;
        let mut left = vec![0; BYTES];
        stream.read_exact(&mut left).await.unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.write_all(&left).await.unwrap();
    })
    .await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: {BYTES}\r\nConnection: close\r\n\r\n",
        stage.name(port)
    );
    let mut stream = send(stage.address, &request).await;
    stream.write_all(&vec![b'x'; BYTES]).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.len() > BYTES,
        "{}",
        answer.len()
    );
}

#[tokio::test]
async fn a_websocket_is_a_tunnel_until_its_sandbox_is_closed() {
    let stage = Stage::new().await;
    let port = listen((stage.guest, 0).into(), |stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && socket.send(message).await.is_err() {
                break;
            }
        }
    })
    .await;
    let stream = TcpStream::connect(stage.address).await.unwrap();
    let request = format!("ws://{}/live", stage.name(port))
        .into_client_request()
        .unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    stage.edge.close(&owner(&stage.id));
    let end = tokio::time::timeout(LONG, socket.next()).await.unwrap();
    assert!(end.is_none_or(|message| message.is_err()));
}

#[tokio::test]
async fn ports_that_are_not_public_need_the_token_however_they_are_asked() {
    let stage = Stage::with(json!({"template": "base", "network": {"public": false}})).await;
    let port = stage.mirror().await;
    listen((stage.guest, envd::PORT).into(), mirror).await;
    let token = tokens().traffic(&owner(&stage.id).sandbox);
    let name = stage.name(port);
    let upgrade = "Upgrade: websocket\r\nConnection: upgrade\r\n";
    let access = format!(
        "E2b-Traffic-Access-Token: {}\r\n",
        tokens().access(&owner(&stage.id).sandbox)
    );
    for headers in [
        "",
        upgrade,
        &access,
        "E2b-Traffic-Access-Token: \r\n",
        "roost-port: 1\r\n",
    ] {
        let body = super::stage::refused(&stage.get(&name, "/", headers).await, 403);
        assert_eq!(
            (&body["code"], &body["sandboxId"]),
            (&json!(403), &json!(stage.id))
        );
        let message = body["message"].as_str().unwrap();
        assert!(message.contains("e2b-traffic-access-token"), "{message}");
    }
    let shown = format!("E2b-Traffic-Access-Token: {token}\r\n");
    let seen = stage.get(&name, "/", &shown).await;
    assert!(
        seen.starts_with("HTTP/1.1 200") && !seen.contains(&token),
        "{seen}"
    );
    let agent = stage.get(&stage.name(envd::PORT), "/health", "").await;
    assert!(agent.starts_with("HTTP/1.1 200"), "{agent}");
}

#[tokio::test]
async fn a_policy_may_hide_the_host() {
    let create = json!({"template": "base", "network": {"mask_host": "localhost:${PORT}"}});
    let stage = Stage::with(create).await;
    let port = stage.mirror().await;
    let seen = stage.get(&stage.name(port), "/", "").await;
    assert!(seen.contains(&format!("host: localhost:{port}\r\n")), "{seen}");
    assert!(
        seen.contains(&format!("x-forwarded-host: {}\r\n", stage.name(port))),
        "{seen}"
    );
}

#[tokio::test]
async fn a_kill_ends_what_is_under_way() {
    let stage = Stage::new().await;
    let port = listen((stage.guest, 0).into(), |mut stream| async move {
        head(&mut stream).await;
        let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
        stream.write_all(begin).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", stage.name(port));
    let mut streaming = send(stage.address, &request).await;
    assert!(head(&mut streaming).await.starts_with("HTTP/1.1 200"));
    let delete = format!("/v1/sandboxes/{}", stage.id);
    stage.world.call(Method::DELETE, &delete).send().await.ok(204);
    // What the host's actor does as it releases.
    stage.edge.close(&owner(&stage.id));
    assert!(!rest(&mut streaming).await.ends_with("0\r\n\r\n"));
    let answer = stage.get(&stage.name(port), "/", "").await;
    assert!(answer.contains("The sandbox was not found"), "{answer}");
}
