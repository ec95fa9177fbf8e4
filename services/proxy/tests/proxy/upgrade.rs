//! Upgraded connections: bytes both ways, each direction ending by itself.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::support::{free, head, proxy, rest, send, server, talk};

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n";

/// Agrees, echoes until the client has ended, and then says goodbye.
async fn echo(mut stream: TcpStream) {
    let seen = head(&mut stream).await;
    assert!(
        seen.contains("connection: upgrade\r\nupgrade: websocket"),
        "{seen}"
    );
    assert!(seen.contains("sec-websocket-key: k"), "{seen}");
    // The first frame comes in one packet with the head.
    stream
        .write_all(format!("{AGREED}hello").as_bytes())
        .await
        .unwrap();
    let mut bytes = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut bytes).await {
        stream.write_all(&bytes[..count]).await.unwrap();
    }
    stream.write_all(b"goodbye").await.unwrap();
}

#[tokio::test]
async fn bytes_pass_both_ways_and_each_way_ends_by_itself() {
    let front = free(server(echo).await).await;
    let mut client = send(front, UPGRADE).await;
    let answer = head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("sec-websocket-accept: a"), "{answer}");
    assert!(answer.contains("upgrade: websocket"), "{answer}");
    let mut hello = [0; 5];
    client.read_exact(&mut hello).await.unwrap();
    let frame: Vec<u8> = (0..=u8::MAX).cycle().take(300_000).collect();
    let (mut read, mut write) = client.split();
    let ((), echoed) = tokio::join!(
        async {
            write.write_all(&frame).await.unwrap();
            write.shutdown().await.unwrap();
        },
        async {
            let mut bytes = Vec::new();
            read.read_to_end(&mut bytes).await.unwrap();
            bytes
        }
    );
    assert_eq!(&hello, b"hello");
    let end = echoed.len() - b"goodbye".len();
    assert!(echoed[..end] == frame && &echoed[end..] == b"goodbye");
}

#[tokio::test]
async fn a_server_may_decline() {
    let front = free(
        server(|mut stream| async move {
            head(&mut stream).await;
            let answer = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
            stream.write_all(answer).await.unwrap();
        })
        .await,
    )
    .await;
    let declined = UPGRADE.replace("keep-alive, Upgrade", "close, Upgrade");
    let answer = talk(front, &declined).await;
    assert!(
        answer.starts_with("HTTP/1.1 426") && answer.ends_with("no"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_tunnel_ends_with_its_lease() {
    let ended = CancellationToken::new();
    let front = proxy(server(echo).await, &ended).await;
    let mut client = send(front, UPGRADE).await;
    head(&mut client).await;
    ended.cancel();
    assert_eq!(rest(&mut client).await.replace("hello", ""), "");
}
