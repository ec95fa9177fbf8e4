//! `GET /files` and `HEAD /files`.

use std::ops::Range;

use async_compression::Level;
use async_compression::tokio::bufread::GzipEncoder;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{Empty, Full, StreamBody};
use hyper::body::Frame;
use tokio_util::io::{ReaderStream, StreamReader};

use super::encoding::{self, Encoding};
use super::query::Query;
use super::reading::{self, Content, Found};
use super::refusal::Refusal;
use super::{media_type, range};
use crate::agent::actor::Actor;
use crate::agent::blocking::blocking;
use crate::agent::http::{Body, boxed};

/// Below this, gzip makes nothing smaller that matters: it all fits one packet.
const WORTH_COMPRESSING: u64 = 1024;

/// Compressed bytes sent at a time.
const COMPRESSED: usize = 64 << 10;

/// What makes a request one about the file's own bytes, which are sent as they are.
const CONDITIONS: [header::HeaderName; 4] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
];

/// Sends a file, or the part asked for.
pub(super) async fn run(head: &Parts, actor: &Actor, query: &Query) -> Result<Response<Body>, Refusal> {
    let path = actor.resolve(query.path.as_deref().unwrap_or_default())?;
    let (found, path) = blocking(move || reading::open(&path).map(|found| (found, path))).await?;
    let Found {
        version,
        content,
        beginning,
    } = found;
    let asked = &head.headers;
    let length = content.length();
    let encoding = negotiate(asked, length)?;
    let mut response = Response::new(boxed(Empty::new()));
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if encoding == Encoding::Identity {
        version.tell(headers);
    }
    if version.is_known(asked) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    headers.insert(header::CONTENT_DISPOSITION, media_type::disposition(&path));
    headers.insert(header::CONTENT_TYPE, media_type::of(&path, &beginning));
    let mut part = 0..length;
    match encoding {
        Encoding::Gzip => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Encoding::Identity => {
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            let wanted = if version.continues(asked) {
                range::requested(asked, length)?
            } else {
                None
            };
            if let Some(wanted) = wanted {
                headers.insert(header::CONTENT_RANGE, content_range(&wanted, length));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                part = wanted;
            }
            let size = HeaderValue::from(part.end - part.start);
            response.headers_mut().insert(header::CONTENT_LENGTH, size);
        }
    }
    if head.method != Method::HEAD {
        *response.body_mut() = body(content, part, encoding);
    }
    Ok(response)
}

fn negotiate(asked: &HeaderMap, length: u64) -> Result<Encoding, Refusal> {
    let plain = CONDITIONS.iter().any(|name| asked.contains_key(name));
    let best = encoding::accepted(asked, plain)?;
    if length >= WORTH_COMPRESSING {
        return Ok(best);
    }
    Ok(encoding::accepted(asked, true).unwrap_or(best))
}

/// `Content-Range` of a part, whose end is exclusive here and inclusive there.
fn content_range(part: &Range<u64>, length: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes {}-{}/{length}", part.start, part.end - 1))
        .unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
}

fn body(content: Content, part: Range<u64>, encoding: Encoding) -> Body {
    match (content, encoding) {
        (Content::Held(bytes), Encoding::Identity) => boxed(Full::new(slice(&bytes, &part))),
        (Content::OnDisk { file, .. }, Encoding::Identity) => streamed(reading::stream(file, part)),
        (Content::Held(bytes), Encoding::Gzip) => gzipped(stream::iter([Ok(slice(&bytes, &part))])),
        (Content::OnDisk { file, .. }, Encoding::Gzip) => gzipped(reading::stream(file, part)),
    }
}

/// A part of what is in memory, so its ends fit.
fn slice(bytes: &Bytes, part: &Range<u64>) -> Bytes {
    let at = |end: u64| usize::try_from(end).map_or(bytes.len(), |end| end.min(bytes.len()));
    bytes.slice(at(part.start)..at(part.end))
}

fn streamed(chunks: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Body {
    boxed(StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))))
}

fn gzipped(chunks: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Body {
    let plain = StreamReader::new(Box::pin(chunks));
    // The guest's processor is the tighter of the two: the fastest level already takes most of what can be taken.
    let encoder = GzipEncoder::with_quality(plain, Level::Fastest);
    streamed(ReaderStream::with_capacity(encoder, COMPRESSED))
}
