//! Who a request comes from: the host, by its token, and the user it wants to act as.

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use subtle::ConstantTimeEq;

use crate::init::ADDRESS;

/// Whether a caller is inside the sandbox, and not its host.
pub(super) fn is_inside(peer: IpAddr) -> bool {
    peer.is_loopback() || peer == IpAddr::V4(ADDRESS)
}

/// Whether a request may pass: always until a token was set, then only with that token.
pub(super) fn admits(token: Option<&str>, headers: &HeaderMap) -> bool {
    let Some(token) = token else { return true };
    headers
        .get(ACCESS_TOKEN_HEADER)
        .is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.as_bytes())))
}

/// The user named by `Authorization: Basic base64(user:)`; the password is not looked at, the token is the secret.
pub(super) fn requested_user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let name = decoded.split(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn without_a_token_everybody_may_pass() {
        assert!(admits(None, &HeaderMap::new()));
    }

    #[test]
    fn with_a_token_only_that_token_may_pass() {
        assert!(admits(Some("secret"), &headers(ACCESS_TOKEN_HEADER, "secret")));
        for wrong in ["", "secre", "secrets", "SECRET"] {
            assert!(
                !admits(Some("secret"), &headers(ACCESS_TOKEN_HEADER, wrong)),
                "{wrong:?}"
            );
        }
        assert!(!admits(Some("secret"), &HeaderMap::new()));
    }

    #[test]
    fn the_user_is_the_first_half_of_basic_authorization() {
        let user = |value: &str| requested_user(&headers("authorization", value));
        assert_eq!(user("Basic dXNlcjo=").as_deref(), Some("user"));
        assert_eq!(user("basic dXNlcjpwYXNz").as_deref(), Some("user"));
        for odd in ["Basic Og==", "Basic !", "Bearer dXNlcjo=", "Basic"] {
            assert_eq!(user(odd), None, "{odd:?}");
        }
    }
}
