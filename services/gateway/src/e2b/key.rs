//! `Idempotency-Key` as E2B's SDKs send it: longer than a command's id may be.

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use roost_schemas::CommandId;

use crate::error::ApiError;
use crate::idempotency::{CommandKey, IDEMPOTENCY_KEY};

/// Characters a key has at most.
const MAX: usize = 255;
/// Beyond this many, the command's id is a digest of the key.
const PLAIN: usize = 128;

/// Gives every write its key.
pub(super) async fn assign(mut request: Request, next: Next) -> Response {
    if !request.method().is_safe() {
        let key = read(request.headers());
        request.extensions_mut().insert(key);
    }
    next.run(request).await
}

fn read(headers: &HeaderMap) -> Result<CommandKey, ApiError> {
    let long = headers
        .get(IDEMPOTENCY_KEY)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .filter(|key| (PLAIN + 1..=MAX).contains(&key.len()));
    let Some(long) = long else {
        return CommandKey::of(headers);
    };
    // A digest in hex is an id in any case.
    let id = CommandId::new(blake3::hash(long.as_bytes()).to_hex())
        .map_err(|error| ApiError::invalid(format!("header {IDEMPOTENCY_KEY}: {error}")))?;
    Ok(CommandKey::given(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_any_allowed_length_is_an_id() {
        let read = |key: &str| {
            let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY.parse().unwrap(), key.parse().unwrap())]);
            super::read(&headers).map(|key| (key.id.to_string(), key.given))
        };
        assert_eq!(read("k-1"), Ok(("k-1".to_owned(), true)));
        assert_eq!(read(&"k".repeat(128)), Ok(("k".repeat(128), true)));
        let (long, other) = (read(&"k".repeat(255)).unwrap(), read(&"k".repeat(254)).unwrap());
        assert!(long.1 && long.0.len() == 64 && long != other);
        assert!(read(&"k".repeat(256)).is_err() && read("a b").is_err());
        assert!(!super::read(&HeaderMap::new()).unwrap().given);
    }
}
