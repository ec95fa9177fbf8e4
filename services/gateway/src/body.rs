//! Reading request bodies, in bounded memory.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::time::timeout;

use crate::error::{ApiError, Code};
use crate::limits::{BODY_WITHIN, MAX_BODY};

/// Reads a body of at most [`MAX_BODY`] bytes, which come within [`BODY_WITHIN`].
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
    let read = timeout(BODY_WITHIN, collect(body)).await;
    read.unwrap_or_else(|_| {
        let message = format!("the body did not come to its end within {BODY_WITHIN:?}: send it faster");
        Err(ApiError::new(Code::RequestTimeout, message))
    })
}

async fn collect(body: Body) -> Result<Bytes, ApiError> {
    let mut chunks = body.into_data_stream();
    let mut kept = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let broken = |error| ApiError::invalid(format!("the body could not be read to its end: {error}"));
        let chunk = chunk.map_err(broken)?;
        if kept.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        kept.extend_from_slice(&chunk);
    }
    Ok(kept.freeze())
}

/// The answer to a body that is too large. Its rest is left to [`roost_proxy::lend`].
pub(crate) fn too_large() -> ApiError {
    let message = format!("the body has more than {MAX_BODY} bytes: send less");
    ApiError::new(Code::PayloadTooLarge, message)
}
