//! A server in the guest, on its loopback alone, reached from outside: pages, uploads, events, a WebSocket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xtask::client::Api;

use crate::harness::with_stack;

const SERVER: &str = include_str!("ports/server.py");
const PORT: u16 = 8000;
/// How long an emulated guest may take for anything here.
const PATIENCE: Duration = Duration::from_mins(1);

/// A sandbox with the server started, and how its ports are named.
struct Served<'a> {
    api: &'a Api,
    gateway: SocketAddr,
    id: String,
}

impl<'a> Served<'a> {
    async fn start(api: &'a Api, gateway: SocketAddr) -> Result<Self> {
        let id = api.create(&json!({"template": "base"})).await?.id;
        // It outlives its starter, and holds none of the starter's outputs open.
        let start = "setsid python3 -c \"$SERVER\" </dev/null >/tmp/server.log 2>&1 &";
        let exec = json!({"cmd": "sh", "args": ["-c", start], "env": {"SERVER": SERVER}});
        ensure!(api.exec(&id, &exec).await?.exit_code == 0);
        let served = Self { api, gateway, id };
        let begin = Instant::now();
        while served.get(PORT, "/").await?.0 != StatusCode::OK {
            ensure!(begin.elapsed() < PATIENCE, "the server does not come up");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(served)
    }

    fn name(&self, port: u16) -> String {
        format!("{port}-{}.localhost:{}", self.id, self.gateway.port())
    }

    /// By host name, without any key.
    async fn get(&self, port: u16, path: &str) -> Result<(StatusCode, String)> {
        let host = self.name(port);
        let headers = [("host", host.as_str())];
        let keyless = self.api.anonymous();
        let answer = keyless.send_raw(Method::GET, path, &headers, "").await?;
        Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Sends the head of a request and returns the connection.
    async fn open(&self, path: &str, headers: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.gateway).await?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            self.name(PORT)
        );
        stream.write_all(head.as_bytes()).await?;
        Ok(stream)
    }
}

/// Reads until `end` has come.
async fn until(stream: &mut TcpStream, end: &[u8]) -> Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let byte = timeout(PATIENCE, stream.read_u8()).await;
        bytes.push(byte.with_context(|| format!("after {:?}", String::from_utf8_lossy(&bytes)))??);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_the_guest_s_loopback_is_reached_from_outside() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let served = Served::start(&api, stack.gateway()).await?;
        let (_, seen) = served.get(PORT, "/headers").await?;
        assert!(seen.to_lowercase().contains(&format!("host: {}", served.name(PORT))), "{seen}");
        assert!(!seen.contains("roost-"), "{seen}");

        let routed = [("e2b-sandbox-id", served.id.as_str()), ("e2b-sandbox-port", "8000")];
        let body = vec![0x5a; 4 << 20];
        let answer = api.send_raw(Method::POST, "/upload", &routed, body.clone()).await?;
        let digest = STANDARD.encode(Sha256::digest(&body));
        assert_eq!(String::from_utf8_lossy(&answer.body), digest);

        let (status, closed) = served.get(8001, "/").await?;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        let closed: Value = serde_json::from_str(&closed)?;
        assert_eq!(
            closed,
            json!({"sandboxId": served.id, "message": "The sandbox is running but port is not open", "port": 8001, "code": 502})
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_one_by_one_and_a_websocket_lives_until_the_kill() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let served = Served::start(&api, stack.gateway()).await?;
        let mut events = served.open("/events", "").await?;
        until(&mut events, b"\r\n\r\n").await?;
        for number in 0..3 {
            // The server sends the next one only after this one was read and /next asked for.
            let event = format!("data: {number}\n\n");
            until(&mut events, event.as_bytes()).await?;
            assert_eq!(served.get(PORT, "/next").await?.0, StatusCode::OK);
        }

        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let mut socket = served.open("/live", upgrade).await?;
        let agreed = until(&mut socket, b"\r\n\r\n").await?;
        assert!(agreed.starts_with("HTTP/1.1 101"), "{agreed}");
        assert!(agreed.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{agreed}");
        for text in [b"ping", b"pong"] {
            // A masked text frame of four bytes, the mask being zero.
            let frame = [b"\x81\x84\0\0\0\0".as_slice(), text].concat();
            socket.write_all(&frame).await?;
            let mut echo = [0; 6];
            timeout(PATIENCE, socket.read_exact(&mut echo)).await??;
            assert_eq!(echo, *[b"\x81\x04".as_slice(), text].concat());
        }

        api.kill(&served.id).await?;
        let ended = timeout(Duration::from_secs(5), socket.read(&mut [0; 1])).await;
        let ended = ended.context("the connection outlives its sandbox")?;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        let (status, gone) = served.get(PORT, "/").await?;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert_eq!(
            serde_json::from_str::<Value>(&gone)?,
            json!({"sandboxId": served.id, "message": "The sandbox was not found", "code": 502})
        );
        Ok(())
    })
    .await
}
