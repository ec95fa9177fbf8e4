//! Events as server-sent events (WHATWG HTML, section 9.2): what a browser's `EventSource` and `curl` read.
//!
//! An `id` goes with the last event of a commit only: a client that comes again with `Last-Event-ID` has then read whole
//! commits. A heartbeat has an `id` and no data, so that it moves the client on without an event.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use roost_schemas::Sequence;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use super::end::End;
use super::seats::Seat;
use super::source::Source;
use crate::server::Hangup;

/// How long the last words may take.
const CLOSING: Duration = Duration::from_secs(5);

/// Adds an event whose data is `text`.
pub(super) fn sse_frame(id: Option<Sequence>, kind: Option<&str>, text: &str, to: &mut BytesMut) {
    let mut writer = to.writer();
    let mut write = |line: std::fmt::Arguments<'_>| {
        writer.write_fmt(line).expect("memory takes what is written");
    };
    if let Some(kind) = kind {
        write(format_args!("event: {kind}\n"));
    }
    if let Some(id) = id {
        write(format_args!("id: {id}\n"));
    }
    write(format_args!("data: {text}\n\n"));
}

/// Answers with a body that tells what `source` has. A client that takes nothing for too long is hung up on.
pub(crate) fn stream(source: Source, seat: Seat, hangup: Option<Hangup>) -> Response {
    let (teller, mut told) = mpsc::channel(1);
    tokio::spawn(async move {
        let session = Session {
            source,
            teller,
            hangup,
        };
        session.run().await;
        drop(seat);
    });
    let told = futures::stream::poll_fn(move |context| told.poll_recv(context));
    let told = futures::StreamExt::map(told, Ok::<Bytes, Infallible>);
    let mut response = Response::new(Body::from_stream(told));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

struct Session {
    source: Source,
    teller: mpsc::Sender<Bytes>,
    hangup: Option<Hangup>,
}

impl Session {
    async fn run(mut self) {
        let end = self.serve().await;
        let told = self.source.told();
        end.note(told);
        let Some(notice) = end.notice(told) else {
            if let Some(hangup) = &self.hangup {
                hangup.now();
            }
            return;
        };
        let mut last = BytesMut::new();
        sse_frame(Some(told), Some("end"), &notice, &mut last);
        if let Ok(Err(_)) | Err(_) = timeout(CLOSING, self.teller.send(last.freeze())).await
            && let Some(hangup) = &self.hangup
        {
            hangup.now();
        }
    }

    async fn serve(&mut self) -> End {
        let limits = self.source.gateway().limits();
        let (silence, beat) = (limits.silence, limits.heartbeat);
        let closing = self.source.gateway().closing().clone();
        let mut beat = interval(beat);
        // The first says at once that the stream is there.
        loop {
            let pieces = tokio::select! {
                news = self.source.next() => match news {
                    Ok(pieces) => pieces,
                    Err(end) => return end,
                },
                _ = beat.tick() => {
                    if let Err(end) = self.source.check() {
                        return end;
                    }
                    vec![heartbeat(self.source.settled())]
                }
                () = self.teller.closed() => return End::Gone,
                () = closing.cancelled() => return End::Closing,
            };
            for piece in pieces {
                match timeout(silence, self.teller.send(piece)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return End::Gone,
                }
            }
        }
    }
}

fn heartbeat(told: Sequence) -> Bytes {
    Bytes::from(format!("id: {told}\n: heartbeat\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_type_its_place_and_one_line_of_data() {
        let mut bytes = BytesMut::new();
        sse_frame(Some(Sequence(7)), Some("running"), r#"{"a":1}"#, &mut bytes);
        sse_frame(None, Some("paused"), "{}", &mut bytes);
        assert_eq!(
            bytes,
            "event: running\nid: 7\ndata: {\"a\":1}\n\nevent: paused\ndata: {}\n\n"
        );
        assert_eq!(heartbeat(Sequence(9)), "id: 9\n: heartbeat\n\n");
    }
}
