//! `Roost-Sequence` and `Roost-Min-Sequence`: reading what one has written, through any gateway.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use roost_schemas::Sequence;

use crate::error::ApiError;

/// In answers: the place in the log that the answer shows, or that the write took.
pub(crate) const SEQUENCE: &str = "Roost-Sequence";
/// In requests: the place in the log that the answer must have reached.
pub(crate) const MIN_SEQUENCE: &str = "Roost-Min-Sequence";

/// The greatest that is read: what a signed 64-bit number holds, as most clients have it.
pub(crate) const MAX_SEQUENCE: u64 = i64::MAX as u64;

/// What a read asks for in [`MIN_SEQUENCE`]; zero if nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MinSequence(pub(crate) Sequence);

impl<S: Sync> FromRequestParts<S> for MinSequence {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(MIN_SEQUENCE) else {
            return Ok(Self(Sequence::default()));
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        match text.trim().parse() {
            Ok(sequence) if sequence <= MAX_SEQUENCE => Ok(Self(Sequence(sequence))),
            _ => Err(ApiError::invalid(format!(
                "header {MIN_SEQUENCE} is {text:?}: use a number that an answer's {SEQUENCE} gave"
            ))),
        }
    }
}
