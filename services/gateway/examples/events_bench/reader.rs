//! A reader that does little with what it gets, so that a hundred of them fit beside what is measured.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use roost_schemas::Sequence;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::KEY;

/// How every frame begins.
const BEGIN: &[u8] = br#"{"sequence":"#;
/// What no heartbeat has.
const SUBJECT: &[u8] = br#""subject":"#;
/// First bytes of messages that are texts.
const TEXT: u8 = 0x81;

/// What was got, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    events: usize,
    /// Sequences in a row.
    commits: usize,
    /// Sequences that were not the one after the last.
    jumps: usize,
    last: Option<u64>,
    pub(crate) bytes: usize,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        (self.events, self.commits, self.jumps) == (other.events, other.commits, other.jumps)
    }
}

impl Seen {
    /// What is got of so many commits with so many events each, if all is well.
    pub(crate) fn of(commits: usize, each: usize) -> Self {
        Self {
            events: commits * each,
            commits,
            ..Self::default()
        }
    }

    fn note(&mut self, sequence: u64) {
        self.events += 1;
        if self.last == Some(sequence) {
            return;
        }
        self.commits += 1;
        self.jumps += usize::from(self.last.is_some_and(|last| sequence != last + 1));
        self.last = Some(sequence);
    }
}

pub(crate) struct Reader {
    stream: TcpStream,
    buffer: BytesMut,
    pub(crate) seen: Seen,
}

impl Reader {
    /// Follows everything after `after`, once the gateway has agreed.
    pub(crate) async fn open(address: SocketAddr, after: Sequence) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
        let head = format!(
            "GET /v1/events?after={after} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {KEY}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream
            .write_all(head.as_bytes())
            .await
            .expect("the gateway takes it");
        let mut reader = Self {
            stream,
            buffer: BytesMut::new(),
            seen: Seen::default(),
        };
        let end = loop {
            let end = reader.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end;
            }
            reader.fill().await;
        };
        let head = reader.buffer.split_to(end + 4);
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        reader.buffer = BytesMut::from(&reader.buffer[..]);
        reader
    }

    /// Takes so many events.
    pub(crate) async fn take(&mut self, events: usize) {
        let wanted = self.seen.events + events;
        loop {
            while let Some(length) = self.frame() {
                self.buffer.advance(length);
            }
            if self.seen.events >= wanted {
                return;
            }
            self.fill().await;
        }
    }

    /// Notes the next frame, if it is there whole; its length with its head.
    fn frame(&mut self) -> Option<usize> {
        let (first, second) = (*self.buffer.first()?, *self.buffer.get(1)?);
        let (begin, length) = match second {
            126 => (
                4,
                usize::from(u16::from_be_bytes([*self.buffer.get(2)?, *self.buffer.get(3)?])),
            ),
            127 => panic!("no event is so long"),
            short => (2, usize::from(short)),
        };
        let payload = self.buffer.get(begin..begin + length)?;
        if first == TEXT
            && payload
                .windows(SUBJECT.len())
                .take(100)
                .any(|part| part == SUBJECT)
        {
            let digits = payload
                .strip_prefix(BEGIN)
                .expect("a frame begins with its sequence");
            let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
            let sequence = digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            self.seen.note(sequence);
            self.seen.bytes += begin + length;
        } else {
            assert!(first != TEXT || length < 120, "the stream ended: {payload:?}");
        }
        Some(begin + length)
    }

    async fn fill(&mut self) {
        self.buffer.reserve(1 << 10);
        let count = self.stream.read_buf(&mut self.buffer).await;
        assert!(
            count.expect("the stream goes on") > 0,
            "the gateway closed a stream"
        );
    }
}
