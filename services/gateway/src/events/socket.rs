//! Events over a WebSocket.
//!
//! Frames are written as bytes that many readers share, so this speaks RFC 6455 itself, with tungstenite's handshake and
//! headers. The client has nothing to say but pings, pongs and its close.
//!
//! ```text
//!   source ─▶ out ─▶ write, as far as the client takes it   (nothing taken for too long: cut)
//!   heartbeat ─▶ out, and a ping                           (no sign of life for too long: cut)
//!   client ─▶ ping: pong · close: close · anything else: end
//! ```

mod ears;
mod wire;

use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::{Buf, Bytes, BytesMut};
use hyper_util::rt::TokioIo;
use roost_schemas::Sequence;
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::time::{Instant, interval, sleep_until, timeout};
use tungstenite::handshake::server::create_response_with_body;

use super::end::End;
use super::frame::Notice;
use super::seats::Seat;
use super::source::Source;
use crate::error::ApiError;
use ears::{Ears, Heard};
pub(super) use wire::text_frame;
use wire::{close_frame, ping_frame, pong_frame};

type Io = TokioIo<hyper::upgrade::Upgraded>;

/// How long the last words may take, and the client's answer to our close.
const CLOSING: Duration = Duration::from_secs(5);
/// Pings and pongs of a client between two heartbeats: ours are answered by one each.
const MAX_HEARD: u32 = 100;
/// Pieces that are written at once.
const PIECES: usize = 32;

/// Answers the upgrade, and serves `source` on the connection that it leads to.
pub(crate) fn upgrade(mut request: Request, source: Source, seat: Seat) -> Result<Response, ApiError> {
    let answer = create_response_with_body(&request, Body::empty);
    let answer = answer.map_err(|error| ApiError::invalid(format!("the WebSocket's handshake: {error}")))?;
    let upgraded = hyper::upgrade::on(&mut request);
    drop(request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => Box::pin(Session::new(source, TokioIo::new(upgraded)).run()).await,
            Err(error) => tracing::debug!(%error, "a connection did not become a WebSocket"),
        }
        drop(seat);
    });
    Ok(answer)
}

struct Session {
    source: Source,
    ears: Ears,
    writer: WriteHalf<Io>,
    /// What is to be written: whole frames, but for the first.
    out: VecDeque<Bytes>,
    /// When something was last written, or there was nothing to write.
    moved: Instant,
    /// When the client was last heard.
    heard: Instant,
    /// How often it was since the last heartbeat.
    count: u32,
}

impl Session {
    fn new(source: Source, io: Io) -> Self {
        let (reader, writer) = tokio::io::split(io);
        let now = Instant::now();
        Self {
            source,
            ears: Ears::new(reader),
            writer,
            out: VecDeque::new(),
            moved: now,
            heard: now,
            count: 0,
        }
    }

    async fn run(mut self) {
        let end = self.serve().await;
        end.note(self.source.told());
        // What was begun must be ended before the last words: its reader gets whole frames.
        let _ = timeout(CLOSING, self.part(&end)).await;
    }

    async fn serve(&mut self) -> End {
        let limits = self.source.gateway().limits();
        let (silence, beat) = (limits.silence, limits.heartbeat);
        let closing = self.source.gateway().closing().clone();
        let mut beat = interval(beat);
        beat.reset();
        loop {
            let idle = self.out.is_empty();
            let stepped = tokio::select! {
                heard = self.ears.next() => self.hear(heard),
                written = write(&mut self.writer, &mut self.out), if !idle => {
                    self.moved = Instant::now();
                    written.map_err(|_| End::Gone)
                }
                () = sleep_until(self.moved + silence), if !idle => Err(End::Gone),
                news = self.source.next(), if idle => news.map(|news| {
                    self.moved = Instant::now();
                    self.out.extend(news);
                }),
                _ = beat.tick() => self.beat(silence),
                () = closing.cancelled() => Err(End::Closing),
            };
            if let Err(end) = stepped {
                return end;
            }
        }
    }

    fn hear(&mut self, heard: io::Result<Heard>) -> Result<(), End> {
        self.heard = Instant::now();
        self.count += 1;
        match heard {
            _ if self.count > MAX_HEARD => Err(End::Refused("you send too many pings")),
            Ok(Heard::Ping(payload)) => {
                self.push(pong_frame(&payload));
                Ok(())
            }
            Ok(Heard::Pong) => Ok(()),
            Ok(Heard::Close) | Err(_) => Err(End::Gone),
            Ok(Heard::Other(why)) => Err(End::Refused(why)),
        }
    }

    fn beat(&mut self, silence: Duration) -> Result<(), End> {
        self.source.check()?;
        if self.heard.elapsed() > silence {
            return Err(End::Gone);
        }
        self.count = 0;
        if self.out.is_empty() {
            let told = self.source.settled();
            self.push(text(&Notice::heartbeat(told)));
            self.push(ping_frame());
        }
        Ok(())
    }

    fn push(&mut self, frame: Bytes) {
        if self.out.is_empty() {
            self.moved = Instant::now();
        }
        self.out.push_back(frame);
    }

    /// Tells the end, and waits for the client's: a connection that is closed over unread bytes is reset, and our last
    /// words with it.
    async fn part(&mut self, end: &End) -> io::Result<()> {
        let told: Sequence = self.source.told();
        if let Some(notice) = end.notice(told) {
            self.out.push_back(text(&notice));
        }
        self.out.push_back(close_frame(end.code(), &end.reason(told)));
        while !self.out.is_empty() {
            write(&mut self.writer, &mut self.out).await?;
        }
        self.writer.shutdown().await?;
        self.ears.drain().await
    }
}

/// Writes some of what is to be written. Dropped early, it has written nothing.
async fn write(writer: &mut WriteHalf<Io>, out: &mut VecDeque<Bytes>) -> io::Result<()> {
    let pieces: Vec<_> = out.iter().take(PIECES).map(|piece| IoSlice::new(piece)).collect();
    let mut written = writer.write_vectored(&pieces).await?;
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    while let Some(first) = out.front_mut() {
        let some = written.min(first.len());
        first.advance(some);
        written -= some;
        if !first.is_empty() {
            break;
        }
        out.pop_front();
    }
    Ok(())
}

fn text(text: &str) -> Bytes {
    let mut frame = BytesMut::with_capacity(text.len() + 4);
    text_frame(text, &mut frame);
    frame.freeze()
}
