//! Hop-by-hop headers: what two ends of one connection tell each other, and nobody further on (RFC 9110, 7.6.1).

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue};

/// Hop-by-hop whether `Connection` names them or not.
const ALWAYS: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes off what is for this connection alone. Whether trailers are understood is told on: each hop here passes them.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let trailers = lists(headers, &TE, "trailers");
    // The encoding goes with its hop, so a length that stood beside it was never the body's.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    let named: Vec<HeaderName> = words(headers, &CONNECTION)
        .filter_map(|word| HeaderName::from_bytes(word.as_bytes()).ok())
        .collect();
    for name in named.iter().chain(&ALWAYS) {
        headers.remove(name);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// The protocol that a request asks, or an answer agrees, to go on with.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = lists(headers, &CONNECTION, "upgrade");
    headers.get(UPGRADE).filter(|_| asked).cloned()
}

/// Asks, or agrees, to go on with `protocol`.
pub(crate) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Whether the list `name` has `word`.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    words(headers, name).any(|found| found.eq_ignore_ascii_case(word))
}

fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_for_one_hop_stays_there() {
        let mut mine = headers(&[
            ("connection", "keep-alive, X-Mine"),
            ("connection", "x-too"),
            ("x-mine", "1"),
            ("x-too", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic a"),
            ("proxy-connection", "close"),
            ("upgrade", "h2c"),
            ("te", "gzip, trailers"),
            ("trailer", "x-sum"),
            ("x-other", "1"),
        ]);
        strip(&mut mine);
        assert_eq!(names(&mine), ["te", "trailer", "x-other"]);
        assert_eq!(mine["te"], "trailers");
    }

    #[test]
    fn two_lengths_become_none() {
        let mut both = headers(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        strip(&mut both);
        assert!(both.is_empty());
        let mut one = headers(&[("content-length", "3")]);
        strip(&mut one);
        assert_eq!(names(&one), ["content-length"]);
    }

    #[test]
    fn an_upgrade_needs_both_headers() {
        let asked = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(upgrade(&asked).unwrap(), "websocket");
        assert_eq!(upgrade(&headers(&[("upgrade", "websocket")])), None);
        assert_eq!(upgrade(&headers(&[("connection", "upgrade")])), None);
    }
}
