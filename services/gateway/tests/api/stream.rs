//! Programs over a WebSocket, against a scripted host: what is told, in which order, and what is refused.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt, StreamExt};
use roost_gateway::Limits;
use roost_schemas::output::MAX_KEPT;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::KEY;
use crate::host::programs::FLOOD;
use crate::ports::stage::listening;
use crate::world::{LONG, World, limits};

struct Socket(WebSocketStream<TcpStream>);

/// Opens a socket; or answers the status and body of the refusal.
async fn open(address: SocketAddr, path: &str, key: Option<&str>) -> Result<Socket, (u16, Value)> {
    open_by(KEY, address, path, key).await
}

/// The same with an API key of one's own.
async fn open_by(
    api_key: &str,
    address: SocketAddr,
    path: &str,
    key: Option<&str>,
) -> Result<Socket, (u16, Value)> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("x-api-key", api_key.parse().unwrap());
    if let Some(key) = key {
        request
            .headers_mut()
            .insert("idempotency-key", key.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    match client_async(request, stream).await {
        Ok((stream, _)) => Ok(Socket(stream)),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err((response.status().as_u16(), serde_json::from_slice(body).unwrap()))
        }
        Err(error) => panic!("{error}"),
    }
}

impl Socket {
    async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message; or the code that the socket was closed with.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(LONG, self.0.next())
                .await
                .expect("it goes on");
            match message.unwrap().unwrap() {
                Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => return Err(frame.unwrap().code.into()),
                _ => {}
            }
        }
    }

    /// All messages, and the code that the socket was closed with.
    async fn all(&mut self) -> (Vec<Value>, u16) {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Ok(message) => messages.push(message),
                Err(code) => return (messages, code),
            }
        }
    }
}

struct Stage {
    world: World,
    address: SocketAddr,
    id: String,
}

impl Stage {
    async fn new() -> Self {
        Self::with(limits()).await
    }

    async fn with(limits: Limits) -> Self {
        let world = World::with(limits).await;
        let id = world.sandbox().await;
        let address = listening(&world).await;
        Self { world, address, id }
    }

    async fn open(&self, query: &str) -> Result<Socket, (u16, Value)> {
        let path = format!("/v1/sandboxes/{}/exec/stream{query}", self.id);
        open(self.address, &path, None).await
    }

    /// Has one of the host's programs run (see [`crate::host`]).
    async fn start(&self, program: &Value) -> Socket {
        let mut socket = self.open("").await.ok().unwrap();
        let mut start = json!({"type": "start"});
        start
            .as_object_mut()
            .unwrap()
            .extend(program.as_object().unwrap().clone());
        socket.send(&start).await;
        socket
    }
}

fn output(channel: &str, offset: u64, data: &str) -> Value {
    json!({"type": "output", "channel": channel, "offset": offset, "data": STANDARD.encode(data)})
}

#[tokio::test]
async fn a_program_is_told_from_its_start_to_its_end() {
    let stage = Stage::new().await;
    let mut socket = stage.start(&json!({"cmd": "echo", "args": ["a", "b"]})).await;
    let (messages, code) = socket.all().await;
    let [started, stdout, stderr, end] = &messages[..] else {
        panic!("{messages:?}")
    };
    assert_eq!(started["type"], "started");
    assert!(started["idempotency_key"].is_string() && started["process_id"].is_string());
    assert_eq!(*stdout, output("stdout", 0, "a b"));
    assert_eq!(*stderr, output("stderr", 0, &started["sequence"].to_string()));
    assert_eq!(
        (
            &end["type"],
            &end["status"],
            &end["exit_code"],
            &end["stdout_bytes"]
        ),
        (&json!("end"), &json!("exited"), &json!(0), &json!(3))
    );
    assert!(end["sequence"].as_u64() > started["sequence"].as_u64());
    assert_eq!(code, 1000);
}

#[tokio::test]
async fn every_end_is_told_in_a_word() {
    let stage = Stage::new().await;
    for (cmd, status, exit_code, signal) in [
        ("false", "exited", json!(1), Value::Null),
        ("segfault", "signaled", json!(139), json!(11)),
        ("slow", "timed_out", json!(124), Value::Null),
        ("missing", "not_started", Value::Null, Value::Null),
        ("unreachable", "unknown", Value::Null, Value::Null),
    ] {
        let (messages, code) = stage.start(&json!({"cmd": cmd})).await.all().await;
        let end = messages.last().unwrap();
        assert_eq!(
            (&end["status"], &end["exit_code"], &end["signal"]),
            (&json!(status), &exit_code, &signal)
        );
        assert_eq!(
            (end["reason"].is_string(), code),
            (end["exit_code"].is_null(), 1000),
            "{end}"
        );
    }
    // And that of its sandbox, which nobody tells but the log.
    let (messages, _) = stage.start(&json!({"cmd": "dies"})).await.all().await;
    assert_eq!(messages[1], output("stdout", 0, "last words"));
    assert_eq!(messages.last().unwrap()["status"], "unknown");
}

#[tokio::test]
async fn what_was_written_and_not_kept_is_told_as_a_gap() {
    // A busy machine may take its time for all that is kept.
    let stage = Stage::with(Limits {
        last_frame: LONG,
        ..limits()
    })
    .await;
    let (messages, _) = stage.start(&json!({"cmd": "flood"})).await.all().await;
    let [_, kept @ .., gap, end] = &messages[..] else {
        panic!("{} messages", messages.len())
    };
    let mut next = 0;
    for message in kept {
        assert_eq!(message["offset"], next);
        next += STANDARD.decode(message["data"].as_str().unwrap()).unwrap().len() as u64;
    }
    assert_eq!(next, MAX_KEPT);
    assert_eq!(
        *gap,
        json!({"type": "gap", "channel": "stdout", "from": MAX_KEPT, "to": FLOOD})
    );
    assert_eq!(end["stdout_bytes"], FLOOD);
}

#[tokio::test]
async fn another_socket_goes_on_where_one_broke_off() {
    let stage = Stage::new().await;
    let request = json!({"cmd": "echo", "args": ["0123456789"], "background": true});
    let exec = format!("/v1/sandboxes/{}/exec", stage.id);
    let started = stage.world.post(&exec, &request).send().await;
    assert!(started.sequence() > 0);
    let started = started.ok(202);
    let process = started["process_id"].as_str().unwrap();
    let mut socket = stage
        .open(&format!("?process={process}&stdout=7&stderr=100"))
        .await
        .ok()
        .unwrap();
    let (messages, _) = socket.all().await;
    assert_eq!(messages[0]["sequence"], started["sequence"]);
    assert!(messages[0]["idempotency_key"].is_null());
    assert_eq!(messages[1], output("stdout", 7, "789"));
    assert_eq!((messages.len(), &messages[2]["type"]), (3, &json!("end")));
}

#[tokio::test]
async fn the_same_start_under_the_same_key_is_the_same_run() {
    let stage = Stage::new().await;
    let path = format!("/v1/sandboxes/{}/exec/stream", stage.id);
    let run = async |program: &Value| {
        let mut socket = open(stage.address, &path, Some("k1")).await.ok().unwrap();
        socket.send(program).await;
        socket.all().await
    };
    let program = json!({"type": "start", "cmd": "echo", "args": ["once"]});
    let (first, second) = (run(&program).await, run(&program).await);
    assert_eq!(
        first, second,
        "its standard error holds the sequence at which it was admitted"
    );
    let (messages, code) = run(&json!({"type": "start", "cmd": "false"})).await;
    assert_eq!(
        (messages.len(), &messages[0]["code"], code),
        (1, &json!("conflict"), 1008)
    );
    // With a terminal it is another program.
    let other = json!({"type": "start", "cmd": "echo", "args": ["once"], "pty": {"cols": 80, "rows": 24}});
    assert_eq!(run(&other).await.0[0]["code"], "conflict");
}

#[tokio::test]
async fn a_first_message_that_starts_nothing_is_refused_in_words() {
    let stage = Stage::new().await;
    for (first, code, word) in [
        (json!({"type": "close_stdin"}), "invalid_request", "\"start\""),
        (json!({"type": "start"}), "invalid_request", "missing field `cmd`"),
        (
            json!({"type": "start", "cmd": ""}),
            "invalid_request",
            "name a program",
        ),
        (
            json!({"type": "start", "cmd": "ls", "background": true}),
            "invalid_request",
            "background",
        ),
        (
            json!({"type": "start", "cmd": "ls", "pty": {"cols": 0, "rows": 1}}),
            "invalid_request",
            "pty.cols",
        ),
    ] {
        let mut socket = stage.open("").await.ok().unwrap();
        socket.send(&first).await;
        let (messages, closed) = socket.all().await;
        let [error] = &messages[..] else {
            panic!("{messages:?}")
        };
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)));
        assert!(error["message"].as_str().unwrap().contains(word), "{error}");
        assert_eq!(closed, 1008);
    }
    let mut socket = stage.open("").await.ok().unwrap();
    socket.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    let (messages, _) = socket.all().await;
    assert!(messages[0]["message"].as_str().unwrap().contains("in JSON"));
}

#[tokio::test]
async fn what_is_said_later_and_makes_no_sense_leaves_the_stream_as_it_is() {
    let stage = Stage::new().await;
    let mut socket = stage.start(&json!({"cmd": "never"})).await;
    assert_eq!(socket.next().await.unwrap()["type"], "started");
    for (message, code) in [
        (json!({"type": "start", "cmd": "ls"}), "invalid_request"),
        (json!({"type": "signal", "signal": "SIGSTOP"}), "invalid_request"),
        (
            json!({"type": "stdin", "data": "A".repeat(600 * 1024)}),
            "payload_too_large",
        ),
        // Its host has no edge here, so there is no way to the guest.
        (json!({"type": "stdin", "data": "aGk="}), "unavailable"),
        (json!({"type": "signal", "signal": "SIGTERM"}), "unavailable"),
    ] {
        socket.send(&message).await;
        let error = socket.next().await.unwrap();
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("error"), &json!(code)),
            "{message}"
        );
    }
    stage
        .world
        .delete(&format!("/v1/sandboxes/{}", stage.id))
        .send()
        .await
        .ok(204);
    let (messages, code) = socket.all().await;
    assert_eq!(
        (&messages.last().unwrap()["status"], code),
        (&json!("unknown"), 1000)
    );
}

#[tokio::test]
async fn what_is_no_stream_is_refused_before_it_is_one() {
    let stage = Stage::new().await;
    for (query, status, code) in [
        ("?process=p1", 404, "not_found"),
        ("?process=P-1", 400, "invalid_request"),
        ("?stdout=5", 400, "invalid_request"),
        ("?process=p1&stdout=-1", 400, "invalid_request"),
        ("?hue=red", 400, "invalid_request"),
    ] {
        let (found, body) = stage.open(query).await.err().unwrap();
        assert_eq!((found, &body["error"]["code"]), (status, &json!(code)), "{query}");
    }
    let (status, _) = open(stage.address, "/v1/sandboxes/nosuch/exec/stream", None)
        .await
        .err()
        .unwrap();
    assert_eq!(status, 404);
    let path = format!("/v1/sandboxes/{}/exec/stream", stage.id);
    let plain = stage.world.get(&path).send().await;
    assert!(plain.error(400, "invalid_request").contains("WebSocket"));
    stage
        .world
        .get(&path)
        .without("X-API-Key")
        .send()
        .await
        .error(401, "unauthorized");
    let (status, _) = open(stage.address, &path, Some("@reserved")).await.err().unwrap();
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_client_that_is_gone_without_a_word_is_found_out_and_a_silent_one_is_not() {
    let silence = Duration::from_secs(1);
    let stage = Stage::with(Limits {
        streams: 2,
        silence,
        ..limits()
    })
    .await;
    // Nobody reads from this one, so nobody answers its pings either.
    let gone = stage.start(&json!({"cmd": "never"})).await;
    let mut silent = stage.start(&json!({"cmd": "never"})).await;
    assert_eq!(silent.next().await.unwrap()["type"], "started");
    assert!(tokio::time::timeout(silence * 4, silent.next()).await.is_err());
    // The place of the one that is gone.
    let mut third = stage.open("").await.ok().unwrap();
    drop(gone);
    third.send(&json!({"type": "start", "cmd": "echo"})).await;
    assert_eq!(third.all().await.1, 1000);
    stage
        .world
        .delete(&format!("/v1/sandboxes/{}", stage.id))
        .send()
        .await
        .ok(204);
    assert_eq!(silent.all().await.1, 1000);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody() {
    let stage = Stage::with(Limits {
        silence: Duration::from_millis(300),
        ..limits()
    })
    .await;
    let stuck = stage.start(&json!({"cmd": "flood"})).await;
    let (messages, code) = stage.start(&json!({"cmd": "flood"})).await.all().await;
    assert_eq!((&messages.last().unwrap()["type"], code), (&json!("end"), 1000));
    // The program of the other has long ended, and can be read from the beginning.
    drop(stuck);
}

#[tokio::test]
async fn too_many_streams_are_asked_to_come_back_and_an_end_makes_room() {
    let stage = Stage::with(Limits {
        streams: 1,
        ..limits()
    })
    .await;
    let first = stage.open("").await.ok().unwrap();
    let (status, body) = stage.open("").await.err().unwrap();
    assert_eq!((status, &body["error"]["code"]), (429, &json!("no_capacity")));
    drop(first);
    let deadline = tokio::time::Instant::now() + LONG;
    while stage.open("").await.is_err() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "a place that is not given back"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_a_key_opened_ends_when_it_is_revoked() {
    let stage = Stage::new().await;
    let (key, id) = stage.world.key("default", "run").await;
    let path = format!("/v1/sandboxes/{}/exec/stream", stage.id);
    let mut theirs = open_by(&key, stage.address, &path, None).await.ok().unwrap();
    theirs.send(&json!({"type": "start", "cmd": "never"})).await;
    let mut silent = open_by(&key, stage.address, &path, None).await.ok().unwrap();
    let mut ours = stage.start(&json!({"cmd": "never"})).await;
    for socket in [&mut theirs, &mut ours] {
        assert_eq!(socket.next().await.unwrap()["type"], "started");
    }
    stage.world.delete(&format!("/v1/keys/{id}")).send().await.ok(204);
    for socket in [&mut theirs, &mut silent] {
        let (messages, code) = socket.all().await;
        assert_eq!(
            (&messages[0]["code"], code),
            (&json!("unauthorized"), 1008),
            "{messages:?}"
        );
    }
    ours.send(&json!({"type": "start", "cmd": "ls"})).await;
    assert_eq!(ours.next().await.unwrap()["code"], "invalid_request");
}
