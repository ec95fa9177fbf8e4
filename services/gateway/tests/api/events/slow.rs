//! Readers that cannot keep up, or do not try.

use std::time::Duration;

use roost_gateway::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::reader::{Writer, open, whole};
use crate::client::KEY;
use crate::ports::stage::{listening, listening_with};
use crate::world::{LONG, World, limits};

#[tokio::test]
async fn who_falls_behind_is_told_where_it_stood_and_can_read_on() {
    let world = World::with(Limits {
        event_backlog: 64 << 10,
        ..limits()
    })
    .await;
    let address = listening(&world).await;
    let mut writer = Writer::new(&world.ports, "default", "s1");
    let first = writer.write(1).await;
    let path = "/v1/events?sandbox=s1";
    let mut reader = open(address, path).await;
    assert_eq!(whole(&reader.until(first).await), [first]);
    // More than sockets buffer, while nobody reads.
    let last = writer.write(40_000).await;
    let mut told = vec![];
    let end = loop {
        let message = reader.next().await.unwrap();
        if message["type"] == "end" {
            break message;
        }
        told.push(message);
    };
    let told = whole(&told);
    let stood = end["sequence"].as_u64().unwrap();
    assert_eq!(end["data"]["code"], "behind", "{end}");
    assert_eq!(told.last().unwrap_or(&first), &stood);
    let (code, reason) = reader.next().await.unwrap_err();
    assert_eq!(code, 1013);
    assert!(reason.contains(&format!("after={stood}")), "{reason}");
    let mut again = open(address, &format!("{path}&after={stood}")).await;
    let rest = whole(&again.until(last).await);
    let all: Vec<_> = [vec![first], told, rest].concat();
    assert_eq!(all, (first..=last).collect::<Vec<_>>());
}

/// Opens a stream and never reads what comes.
async fn deaf(address: std::net::SocketAddr, headers: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // What it never reads is not to stand in its own buffers.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let head = format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n{headers}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The bytes that a client finds which looks at last; a reset is an end, too.
async fn end_of(stream: &mut TcpStream) -> usize {
    let (mut count, mut chunk) = (0, vec![0; 64 << 10]);
    let read = async {
        while let Ok(bytes @ 1..) = stream.read(&mut chunk).await {
            count += bytes;
        }
    };
    tokio::time::timeout(LONG, read).await.expect("it is closed");
    count
}

#[tokio::test]
async fn who_never_reads_is_let_go() {
    let bounds = Limits {
        silence: Duration::from_millis(300),
        heartbeat: Duration::from_millis(100),
        event_streams: 2,
        event_streams_each: 2,
        ..limits()
    };
    let world = World::with(bounds.clone()).await;
    let address = listening_with(&world, bounds).await;
    let socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let mut deaf = [
        deaf(address, socket).await,
        deaf(address, "Accept: text/event-stream").await,
    ];
    let mut writer = Writer::new(&world.ports, "default", "s1");
    writer.write(40_000).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut counts = Vec::new();
    for stream in &mut deaf {
        counts.push(end_of(stream).await);
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    // Their seats are free again.
    let free = async {
        loop {
            let seat = super::reader::try_open(address, "/v1/events?type=lost", KEY).await;
            let Err((429, refused)) = seat else { break };
            assert_eq!(refused["error"]["code"], json!("no_capacity"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, free).await.unwrap();
}

#[tokio::test]
async fn a_client_that_is_gone_without_a_word_is_noticed() {
    let bounds = Limits {
        silence: Duration::from_millis(300),
        heartbeat: Duration::from_millis(100),
        ..limits()
    };
    let world = World::with(bounds.clone()).await;
    let address = listening_with(&world, bounds).await;
    // It takes everything and answers no ping: a client library would.
    let socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let mut silent = deaf(address, socket).await;
    assert!(end_of(&mut silent).await > 0);
}
