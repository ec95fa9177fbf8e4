//! Events as server-sent events.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;

use super::reader::Writer;
use crate::client::KEY;
use crate::ports::stage::listening;
use crate::world::{LONG, World};

/// One event: its name, id and data, as far as it has them.
#[derive(Debug, Default, PartialEq)]
struct Event {
    name: Option<String>,
    id: Option<u64>,
    data: Option<Value>,
}

struct Source(Lines<BufReader<TcpStream>>);

impl Source {
    async fn open(address: SocketAddr, path: &str, last: Option<u64>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next_line().await.unwrap().unwrap();
        assert_eq!(status, "HTTP/1.1 200 OK");
        let mut kind = None;
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-type: ") {
                kind = Some(value.to_owned());
            }
        }
        assert_eq!(kind.as_deref(), Some("text/event-stream"));
        Self(lines)
    }

    /// The next block that has data, as an `EventSource` reads it: chunk sizes stand between them.
    async fn next(&mut self) -> Event {
        let mut event = Event::default();
        loop {
            let line = tokio::time::timeout(LONG, self.0.next_line()).await.unwrap();
            let line = line.unwrap().expect("it goes on");
            match line.split_once(": ") {
                Some(("event", name)) => event.name = Some(name.to_owned()),
                Some(("id", id)) => event.id = Some(id.parse().unwrap()),
                Some(("data", data)) => event.data = Some(serde_json::from_str(data).unwrap()),
                _ if line.is_empty() && event.data.is_some() => return event,
                // What has no data is no event.
                _ if line.is_empty() => event = Event::default(),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_browser_reads_on_where_it_was() {
    let world = World::new().await;
    let address = listening(&world).await;
    let mut writer = Writer::new(&world.ports, "default", "s1");
    let first = writer.write(2).await - 1;
    let mut source = Source::open(address, "/v1/events?sandbox=s1", None).await;
    for (id, sequence) in [(None, first), (Some(first), first), (None, first + 1)] {
        let event = source.next().await;
        let data = event.data.unwrap();
        assert_eq!((event.name.as_deref(), event.id), (Some("stopped"), id));
        assert_eq!(data["sequence"].as_u64(), Some(sequence));
    }
    drop(source);
    // It has read one commit whole, and half of the next.
    let mut source = Source::open(address, "/v1/events?sandbox=s1", Some(first)).await;
    writer.write(1).await;
    for id in [None, Some(first + 1), None, Some(first + 2)] {
        assert_eq!(source.next().await.id, id);
    }
}

#[tokio::test]
async fn the_end_of_a_gateway_is_told() {
    let world = World::new().await;
    let address = listening(&world).await;
    let last = Writer::new(&world.ports, "default", "s1").write(1).await;
    let mut source = Source::open(address, "/v1/events", None).await;
    while source.next().await.id != Some(last) {}
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.gateway.close_streams();
    let end = source.next().await;
    assert_eq!((end.name.as_deref(), end.id), (Some("end"), Some(last)));
    assert_eq!(end.data.unwrap()["data"]["code"], "closing");
}
