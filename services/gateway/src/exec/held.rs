//! A body that keeps its claims until it has been sent or given up, so that slow readers count against the bounds.

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

/// Bytes handed to the connection at a time.
const CHUNK: usize = 64 * 1024;

/// `body` in chunks; `claims` are dropped with its last one, or with the connection.
pub(crate) fn held<C: Send + 'static>(body: Bytes, claims: C) -> Body {
    let rest = stream::unfold((body, claims), |(mut body, claims)| async move {
        if body.is_empty() {
            return None;
        }
        let chunk = body.split_to(body.len().min(CHUNK));
        Some((Ok::<_, std::convert::Infallible>(chunk), (body, claims)))
    });
    Body::from_stream(rest)
}
