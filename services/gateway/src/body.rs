//! Reading request bodies, in bounded memory.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::error::{ApiError, Code};
use crate::limits::MAX_BODY;

/// How many bytes of a refused body are thrown away before the connection is given up, and how long that may take.
const DISCARDED: usize = 16 << 20;
const DISCARDING: Duration = Duration::from_secs(5);

/// Reads a body of at most [`MAX_BODY`] bytes.
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
    let mut chunks = body.into_data_stream();
    let mut kept = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let broken = |error| ApiError::invalid(format!("the body could not be read to its end: {error}"));
        let chunk = chunk.map_err(broken)?;
        if kept.len() + chunk.len() > MAX_BODY {
            drop(kept);
            return Err(refuse(chunks).await);
        }
        kept.extend_from_slice(&chunk);
    }
    Ok(kept.freeze())
}

/// The answer to a body that is too large. It is read on for a while and thrown away: a connection that is closed on a
/// client which still writes is reset, and the answer with it.
pub(crate) async fn refuse(mut chunks: BodyDataStream) -> ApiError {
    let discard = async {
        let mut left = DISCARDED;
        while let Some(Ok(chunk)) = chunks.next().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Whether it came to its end or not, the answer is the same.
    let _ = tokio::time::timeout(DISCARDING, discard).await;
    let message = format!("the body has more than {MAX_BODY} bytes: send less");
    ApiError::new(Code::PayloadTooLarge, message)
}
