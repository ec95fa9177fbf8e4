//! Calls to a sandbox's agent: a real edge, and in the guest an agent that answers what the path asks it to.

use axum::http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Answer;
use crate::ports::stage::{Stage, head, listen, owner};
use crate::world::World;
use roost_runtime::port::Edge as _;

/// The agent's port.
const PORT: u16 = 49983;

/// Answers one request: `/files` and calls by the word that their path has.
async fn agent(mut stream: TcpStream) {
    let head = head(&mut stream).await;
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    let asked = format!("{head}{}", String::from_utf8_lossy(&body));
    // Not in the headers: a token in hex may well have a word such as "bad".
    let wanted = format!(
        "{}{}",
        head.lines().next().unwrap_or_default(),
        String::from_utf8_lossy(&body)
    );
    let failures = [
        (
            "missing",
            "404 Not Found",
            json!({"code": "not_found", "message": "no such thing"}),
        ),
        (
            "there",
            "409 Conflict",
            json!({"code": "already_exists", "message": "it is there"}),
        ),
        (
            "locked",
            "403 Forbidden",
            json!({"code": "permission_denied", "message": "not yours"}),
        ),
        (
            "full",
            "507 Insufficient Storage",
            json!({"code": "resource_exhausted", "message": "the disk is full"}),
        ),
        (
            "bad",
            "400 Bad Request",
            json!({"code": "invalid_argument", "message": "a path of nothing"}),
        ),
    ];
    let (status, kind, body) = match failures.iter().find(|(word, ..)| wanted.contains(word)) {
        Some((_, status, body)) => (*status, "application/json", body.to_string()),
        None if asked.contains("/files?") => ("200 OK", "application/octet-stream", asked.clone()),
        // An empty message, which any answer may be.
        None => ("200 OK", "application/proto", String::new()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nX-Inner: 1\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn stage() -> Stage {
    let stage = Stage::new().await;
    listen((stage.guest, PORT).into(), agent).await;
    stage
}

async fn files(stage: &Stage, action: &str, body: &Value) -> Answer {
    let path = format!("/v1/sandboxes/{}/files/{action}", stage.id);
    stage.world.post(&path, body).send().await
}

#[tokio::test]
async fn the_agents_refusals_keep_their_meaning() {
    let stage = stage().await;
    for (word, status, code) in [
        ("missing", 404, "not_found"),
        ("there", 409, "already_exists"),
        ("locked", 403, "permission_denied"),
        ("full", 507, "disk_full"),
        ("bad", 422, "guest_refused"),
    ] {
        let path = json!({"path": word});
        for action in ["stat", "mkdir", "remove", "list", "read"] {
            let message = files(&stage, action, &path).await.error(status, code);
            assert!(message.contains(&stage.id), "{message}");
        }
        let moved = files(&stage, "move", &json!({"from": word, "to": "x"})).await;
        moved.error(status, code);
        let raw = format!("/v1/sandboxes/{}/files/stream/write?path={word}", stage.id);
        let written = stage.world.call(Method::POST, &raw).text("content").send().await;
        written.error(status, code);
    }
}

#[tokio::test]
async fn what_is_asked_for_reaches_the_agent_and_nothing_else_does() {
    let stage = stage().await;
    let path = format!(
        "/v1/sandboxes/{}/files/stream/read?path=/a%20b%26c&user=me",
        stage.id
    );
    let read = stage
        .world
        .get(&path)
        .header("Range", "bytes=0-9")
        .header("X-Mine", "1")
        .send()
        .await;
    assert_eq!(read.status, 200);
    let seen = read.text();
    assert!(
        seen.starts_with("GET /files?path=%2Fa+b%26c&username=me HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(
        seen.contains("range: bytes=0-9") && seen.contains("x-access-token: "),
        "{seen}"
    );
    for kept in ["x-api-key", "x-mine", "roost-"] {
        assert!(!seen.to_ascii_lowercase().contains(kept), "{kept} in {seen}");
    }
    assert!(read.header("x-inner").is_empty() && read.header("content-type") == "application/octet-stream");
    let written = format!("/v1/sandboxes/{}/files/stream/write?path=/x", stage.id);
    let written = stage.world.call(Method::POST, &written).text("content");
    written.header("Content-Type", "text/plain").send().await.ok(204);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_here() {
    let stage = stage().await;
    let base = format!("/v1/sandboxes/{}", stage.id);
    let post = |path: String| stage.world.call(Method::POST, &path);
    let plain = post(format!("{base}/files/write")).text("x").send().await;
    plain.error(415, "unsupported_media_type");
    for path in [
        "files/stream/write",
        "files/stream/write?path=",
        "files/stream/write?path=a&hue=red",
    ] {
        let answer = post(format!("{base}/{path}")).text("x").send().await;
        answer.error(400, "invalid_request");
    }
    let files_of_nobody = stage
        .world
        .post("/v1/sandboxes/nosuch/files/stat", &json!({"path": "/"}));
    files_of_nobody.send().await.error(404, "not_found");
    let unknown = post(format!("{base}/processes/p1/stdin")).text("x").send().await;
    unknown.error(404, "not_found");
    let bad = post(format!("{base}/processes/P-1/stdin")).text("x").send().await;
    bad.error(400, "invalid_request");
    let odd = post(format!("{base}/processes/7/stdin?close=maybe"))
        .text("x")
        .send()
        .await;
    odd.error(400, "invalid_request");
    let stop = json!({"signal": "SIGSTOP"});
    let signal = stage
        .world
        .post(&format!("{base}/processes/7/signal"), &stop)
        .send()
        .await;
    assert!(signal.error(400, "invalid_request").contains("SIGSTOP"));
}

#[tokio::test]
async fn programs_are_listed_signalled_and_written_to() {
    let stage = stage().await;
    let base = format!("/v1/sandboxes/{}/processes", stage.id);
    let listed = stage.world.get(&base).send().await.ok(200);
    assert_eq!(listed, json!({"processes": []}));
    let kill = json!({"signal": "SIGKILL"});
    stage
        .world
        .post(&format!("{base}/7/signal"), &kill)
        .send()
        .await
        .ok(204);
    let input = stage
        .world
        .call(Method::POST, &format!("{base}/7/stdin?close=true"));
    input.text("typed").send().await.ok(204);
    // One that is not in the log is not waited for.
    let signal = stage
        .world
        .post(&format!("{base}/missing/signal"), &kill)
        .send()
        .await;
    signal.error(404, "not_found");
}

#[tokio::test]
async fn a_guest_that_cannot_be_reached_is_told_apart_from_one_that_has_ended() {
    // Nothing listens in it.
    let silent = Stage::new().await;
    files(&silent, "stat", &json!({"path": "/"}))
        .await
        .error(502, "guest_unreachable");
    files(&silent, "read", &json!({"path": "/"}))
        .await
        .error(502, "guest_unreachable");
    // Its host has let go of it, and this gateway does not know yet.
    silent.edge.close(&owner(&silent.id));
    files(&silent, "stat", &json!({"path": "/"}))
        .await
        .error(409, "invalid_state");
    files(&silent, "read", &json!({"path": "/"}))
        .await
        .error(409, "invalid_state");
    let ended = format!("/v1/sandboxes/{}", silent.id);
    silent.world.delete(&ended).send().await.ok(204);
    let message = files(&silent, "stat", &json!({"path": "/"}))
        .await
        .error(409, "invalid_state");
    assert!(message.contains("stopped"), "{message}");
    // A host of an older release has no edge.
    let world = World::new().await;
    let id = world.sandbox().await;
    let path = format!("/v1/sandboxes/{id}/processes");
    world.get(&path).send().await.error(503, "unavailable");
}

#[tokio::test]
async fn a_body_of_any_size_streams_where_files_are_written_and_nowhere_else() {
    let stage = stage().await;
    let large = vec![b'x'; 1 << 20];
    let path = format!("/v1/sandboxes/{}/files/stream/write?path=/x", stage.id);
    let written = stage.world.call(Method::POST, &path).text(large.clone());
    written
        .header("Content-Length", &large.len().to_string())
        .send()
        .await
        .ok(204);
    let stat = format!("/v1/sandboxes/{}/files/stat", stage.id);
    let stat = stage.world.call(Method::POST, &stat).text(large);
    stat.send().await.error(413, "payload_too_large");
}

#[tokio::test]
async fn the_network_is_told_set_and_kept() {
    let world = World::new().await;
    let request = json!({"template": "base", "network": {"internet": false, "allow": ["1.2.3.4"]}});
    let made = world.create(&request).send().await.ok(201);
    let wanted = json!({
        "internet": false, "allow": ["1.2.3.4/32"], "deny": [], "public": true, "mask_host": null
    });
    assert_eq!(made["network"], wanted);
    let path = format!("/v1/sandboxes/{}/network", made["id"].as_str().unwrap());
    let put = |body: &Value| world.call(Method::PUT, &path).json(body);
    let set = put(&json!({"public": false})).key("n1").send().await;
    let (sequence, set) = (set.sequence(), set.ok(200));
    assert_eq!(
        (&set["network"]["public"], &set["network"]["internet"]),
        (&json!(false), &json!(true))
    );
    let again = put(&json!({"public": false})).key("n1").send().await;
    again.ok(200);
    assert_eq!(again.sequence(), sequence);
    put(&json!({"public": true}))
        .key("n1")
        .send()
        .await
        .error(409, "conflict");
    for bad in [
        json!({"deny": ["example.com"]}),
        json!({"allow": ["1.2.3.4/33"]}),
        json!({"hue": 1}),
    ] {
        put(&bad).send().await.error(400, "invalid_request");
    }
    let sandbox = path.trim_end_matches("/network");
    assert_eq!(world.get(sandbox).send().await.ok(200)["network"], set["network"]);
}
