//! The body of an upload, as chunks of what the client means.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use async_compression::tokio::bufread::GzipDecoder;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use http_body_util::BodyDataStream;
use tokio::time::timeout;
use tokio_util::io::{ReaderStream, StreamReader};

use super::encoding::Encoding;
use super::refusal::Refusal;
use crate::agent::http::Body;

/// An upload that sends nothing for so long is given up.
const IDLE: Duration = Duration::from_mins(10);

/// Decompressed bytes handed on at a time.
const DECOMPRESSED: usize = 64 << 10;

/// How long and how much a refused upload is still listened to. A connection closed at once would be reset, and the client
/// would never read the refusal.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 64 << 20;

/// The chunks; nothing follows an error.
pub(super) type Incoming = Pin<Box<dyn Stream<Item = Result<Bytes, Refusal>> + Send>>;

/// The body's chunks, decompressed if need be.
pub(super) fn chunks(body: Body, encoding: Encoding) -> Incoming {
    // An ended one may be asked again: who lingers does not know whether the body has ended.
    let raw = Box::pin(raw(body).fuse());
    match encoding {
        Encoding::Identity => raw,
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(StreamReader::new(raw.map_err(io::Error::other)));
            // What pigz and split uploads send.
            decoder.multiple_members(true);
            let plain = ReaderStream::with_capacity(decoder, DECOMPRESSED);
            let plain = plain.map_err(|error| match error.downcast::<Refusal>() {
                Ok(refusal) => refusal,
                Err(error) => Refusal::Broken(format!("gzip: {error}")),
            });
            Box::pin(plain.fuse())
        }
    }
}

fn raw(body: Body) -> impl Stream<Item = Result<Bytes, Refusal>> + Send {
    stream::unfold(Some(BodyDataStream::new(body)), |body| async move {
        let mut body = body?;
        match timeout(IDLE, body.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(body))),
            Ok(Some(Err(error))) => Some((Err(Refusal::Broken(error.to_string())), None)),
            Err(_) => Some((Err(Refusal::Idle(IDLE.as_secs())), None)),
        }
    })
}

/// Takes what a refused client still sends, for a while.
pub(super) async fn linger(mut incoming: Incoming) {
    let _ = timeout(LINGER, async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(chunk)) = incoming.next().await {
            let Some(rest) = left.checked_sub(chunk.len()) else {
                break;
            };
            left = rest;
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;
    use crate::agent::http::boxed;

    #[tokio::test]
    async fn a_body_that_has_ended_can_be_lingered_on() {
        for encoding in [Encoding::Identity, Encoding::Gzip] {
            let mut incoming = chunks(boxed(Full::from("no gzip")), encoding);
            while incoming.next().await.is_some() {}
            assert!(incoming.next().await.is_none());
            linger(incoming).await;
        }
    }
}
