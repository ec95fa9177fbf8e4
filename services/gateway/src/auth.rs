//! API keys: the operator's, which this process was given, and those of tenants, whose keyed hashes stand in the log.
//!
//! ```text
//!   key ─▶ the operator's? ──yes (compared in constant time)──────────────────────▶ acts for the first tenant
//!             └─no─▶ of a key's form? ─▶ keyed hash ─▶ in the fleet, and good now? ─▶ acts for its tenant
//!                                                      └─no─▶ once more, with the log read to its end ─▶ or 401
//! ```
//!
//! What is looked up is a keyed hash, which nobody without the token key can steer: how long the look takes tells
//! nothing of any key. A key is asked for anew with every request, so one that is revoked, or whose time is over, admits
//! to no further one.

mod identify;
mod rate;
pub(crate) mod secret;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

pub(crate) use rate::Rates;

use crate::Gateway;
use crate::error::{ApiError, Code};

/// The header that carries the key; `Authorization: Bearer` does as well.
const API_KEY: &str = "X-API-Key";

/// The digest of the operator's key, which is what gets compared: equal lengths, and no secret in memory dumps of this process.
#[derive(Clone)]
pub struct ApiKey(blake3::Hash);

/// Why a text is no API key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the API key {0}; set ROOST_API_KEY to a random text without spaces, such as 32 hex digits")]
pub struct InvalidApiKey(&'static str);

impl ApiKey {
    /// Takes the key; it must be fit for a header.
    pub fn new(key: &str) -> Result<Self, InvalidApiKey> {
        if key.is_empty() {
            return Err(InvalidApiKey("is empty"));
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidApiKey("has characters that no header carries"));
        }
        Ok(Self(blake3::hash(key.as_bytes())))
    }

    /// Whether `candidate` is the key.
    pub fn admits(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(blake3::hash(candidate).as_bytes()).into()
    }
}

/// Lets a request pass that carries a key, and says whose it is.
pub(crate) async fn require(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(candidate) = candidate(request.headers()) else {
        let message =
            format!("this route needs an API key: send {API_KEY}: <key> or Authorization: Bearer <key>");
        return Err(ApiError::new(Code::Unauthorized, message));
    };
    let caller = gateway.authenticate(candidate).await?;
    gateway.pace(&caller)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

fn candidate(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get(API_KEY) {
        return Some(key.as_bytes());
    }
    let (scheme, key) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| key.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_itself_is_admitted() {
        let key = ApiKey::new("k1").unwrap();
        assert!(key.admits(b"k1"));
        assert!(!key.admits(b"k2") && !key.admits(b"") && !key.admits(b"k11"));
    }

    #[test]
    fn a_key_that_no_client_could_send_is_refused() {
        for bad in ["", "a b", "a\n", "é"] {
            assert!(ApiKey::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn both_headers_carry_the_key() {
        let carried = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            candidate(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(carried("x-api-key", "k"), Some(b"k".to_vec()));
        assert_eq!(carried("authorization", "bearer k"), Some(b"k".to_vec()));
        assert_eq!(carried("authorization", "Basic k"), None);
    }
}
