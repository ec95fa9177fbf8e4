//! Where a request goes, by the headers of [`roost_schemas::edge`].

use http::HeaderMap;
use roost_schemas::SandboxId;
use roost_schemas::edge::{PORT, PREFIX, SANDBOX, TOKEN};
use subtle::ConstantTimeEq;

/// A port of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) sandbox: SandboxId,
    /// Never 0.
    pub(crate) port: u16,
}

/// Why a request comes from nobody who may send one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("header {0} is missing, or there more than once")]
    NotOnce(&'static str),
    #[error("header {TOKEN} is not this host's: give gateways and hosts the same token key")]
    Token,
    #[error("header {SANDBOX} is no sandbox id")]
    Sandbox,
    #[error("header {PORT} is no port")]
    Port,
}

impl Destination {
    /// Reads it, if the request shows `token`.
    pub(crate) fn of(headers: &HeaderMap, token: &str) -> Result<Self, Foreign> {
        // The token first: who does not have it learns nothing else.
        let given = once(headers, TOKEN)?;
        if !bool::from(given.ct_eq(token.as_bytes())) {
            return Err(Foreign::Token);
        }
        let text = |name| once(headers, name).map(|value| str::from_utf8(value).unwrap_or_default());
        let sandbox = SandboxId::new(text(SANDBOX)?).map_err(|_| Foreign::Sandbox)?;
        let port = text(PORT)?.parse().map_err(|_| Foreign::Port)?;
        if port == 0 {
            return Err(Foreign::Port);
        }
        Ok(Self { sandbox, port })
    }
}

fn once<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a [u8], Foreign> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        _ => Err(Foreign::NotOnce(name)),
    }
}

/// Takes off every header that is between gateway and edge alone. Of requests, so that guests do not see the token; of
/// answers, so that guests do not speak for the edge.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let ours: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(PREFIX))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_who_shows_the_token_is_told_anything() {
        let read = |pairs| Destination::of(&headers(pairs), "secret");
        assert_eq!(read(&[]), Err(Foreign::NotOnce(TOKEN)));
        assert_eq!(read(&[(TOKEN, "secre"), (PORT, "x")]), Err(Foreign::Token));
        assert_eq!(
            read(&[(TOKEN, "secret"), (TOKEN, "secret")]),
            Err(Foreign::NotOnce(TOKEN))
        );
        assert_eq!(read(&[(TOKEN, "secret")]), Err(Foreign::NotOnce(SANDBOX)));
        assert_eq!(read(&[(TOKEN, "secret"), (SANDBOX, "A")]), Err(Foreign::Sandbox));
        for port in ["", "0", "-1", "65536", "80 ", "x"] {
            let pairs = [(TOKEN, "secret"), (SANDBOX, "a"), (PORT, port)];
            assert_eq!(
                Destination::of(&headers(&pairs), "secret"),
                Err(Foreign::Port),
                "{port:?}"
            );
        }
        let whole = read(&[(TOKEN, "secret"), (SANDBOX, "a"), (PORT, "80")]).unwrap();
        assert_eq!((whole.sandbox.as_str(), whole.port), ("a", 80));
    }

    #[test]
    fn what_is_ours_is_taken_off_whatever_it_says() {
        let mut all = headers(&[(TOKEN, "t"), ("roost-else", "1"), ("x-roost", "1")]);
        strip(&mut all);
        assert_eq!(all.len(), 1);
        assert!(all.contains_key("x-roost"));
    }
}
