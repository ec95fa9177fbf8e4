//! Reading request bodies, in bounded memory.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::error::{ApiError, Code};
use crate::limits::MAX_BODY;

/// Reads a body of at most [`MAX_BODY`] bytes.
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
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
