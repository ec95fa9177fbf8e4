//! Who may read or write files: who has the access token, or a signature made with it.
//!
//! E2B's scheme: `v1_` and the unpadded base64 of SHA-256 over `path:operation:user:token`, with `:expiration` if there is
//! one. The path is the one in the query, undecorated, and the user is empty when the query has none.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use http::HeaderMap;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::query::Query;
use super::refusal::Refusal;
use crate::agent::auth;

/// What a signature allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Lets a request pass, or says what it lacks. A token that is sent counts, and no signature beside it.
pub(super) fn admit(
    token: Option<&str>,
    headers: &HeaderMap,
    query: &Query,
    operation: Operation,
) -> Result<(), Refusal> {
    let Some(token) = token else { return Ok(()) };
    if headers.contains_key(ACCESS_TOKEN_HEADER) {
        return if auth::admits(Some(token), headers) {
            Ok(())
        } else {
            Err(Refusal::Unauthorized("the access token is wrong"))
        };
    }
    let Some(given) = &query.signature else {
        return Err(Refusal::Unauthorized(
            "neither an access token nor a signature was given",
        ));
    };
    let expected = sign(token, query, operation);
    if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        return Err(Refusal::Unauthorized("the signature is wrong"));
    }
    if query.expiration.is_some_and(|end| end < now()) {
        return Err(Refusal::Unauthorized("the signature has expired"));
    }
    Ok(())
}

fn sign(token: &str, query: &Query, operation: Operation) -> String {
    let path = query.path.as_deref().unwrap_or_default();
    let user = query.username.as_deref().unwrap_or_default();
    let expiration = query.expiration.map_or_else(String::new, |end| format!(":{end}"));
    let text = format!("{path}:{}:{user}:{token}{expiration}", operation.name());
    let digest = Sha256::digest(text.as_bytes());
    format!("v1_{}", BASE64_STANDARD_NO_PAD.encode(digest))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Option<&str> = Some("token");

    fn query(signature: &str, expiration: Option<i64>) -> Query {
        Query {
            path: Some("/tmp/a b".into()),
            username: Some("user".into()),
            signature: Some(signature.into()),
            expiration,
        }
    }

    fn check(query: &Query, operation: Operation) -> Result<(), String> {
        admit(TOKEN, &HeaderMap::new(), query, operation).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn signatures_are_those_of_e2bs_sdk() {
        // Made by the Python SDK's get_signature("/tmp/a b", "read", "user", "token", …) and, the last, (…, None, …).
        let plain = "v1_/t68ZKbhzQqS+3squVKsE40RkNuFuhMCrG6b8y6exp8";
        assert_eq!(check(&query(plain, None), Operation::Read), Ok(()));
        assert!(check(&query(plain, None), Operation::Write).is_err());
        let expiring = "v1_yD5wPp7OgIu/C6bciucQktxkCwcmS8Fpxq0uVF9OZZY";
        assert_eq!(
            check(&query(expiring, Some(4_000_000_000)), Operation::Write),
            Ok(())
        );
        let mut anonymous = query("v1_u6yHfu7dERMmXWhsAiZPnuKuPasBcekKYUovzBeonYU", None);
        anonymous.username = None;
        assert_eq!(check(&anonymous, Operation::Read), Ok(()));
    }

    #[test]
    fn what_is_expired_changed_or_missing_is_refused() {
        let mut old = query("", Some(1_000_000_000));
        old.signature = Some(sign("token", &old, Operation::Read));
        assert!(check(&old, Operation::Read).unwrap_err().contains("expired"));
        old.expiration = Some(4_000_000_000);
        assert!(check(&old, Operation::Read).unwrap_err().contains("wrong"));
        assert!(check(&Query::default(), Operation::Read).is_err());
    }

    #[test]
    fn a_token_that_is_sent_decides() {
        let header = |value: &'static str| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static(ACCESS_TOKEN_HEADER),
                http::HeaderValue::from_static(value),
            )])
        };
        let mut signed = query("", None);
        signed.signature = Some(sign("token", &signed, Operation::Read));
        assert!(admit(TOKEN, &header("other"), &signed, Operation::Read).is_err());
        assert!(admit(TOKEN, &header("token"), &Query::default(), Operation::Write).is_ok());
        assert!(admit(None, &HeaderMap::new(), &Query::default(), Operation::Write).is_ok());
    }
}
