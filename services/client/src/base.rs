//! Where a gateway is.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};

/// A gateway's address: `http://` or `https://`, a host, maybe a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    scheme: Scheme,
    authority: Authority,
}

/// Why a text is no gateway's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no gateway's address: use http://HOST:PORT or https://HOST, without a path")]
pub struct InvalidBase(String);

impl Base {
    /// The URI of a path with its query there.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, hyper::http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }

    /// The same of a WebSocket.
    pub(crate) fn join_socket(&self, path: &str) -> Result<Uri, hyper::http::Error> {
        let scheme = if self.is_secure() { "wss" } else { "ws" };
        Uri::builder()
            .scheme(scheme)
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Its host, if that is an address and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        let host = self.authority.host();
        host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether it is this very machine, whichever that is.
    pub fn is_loopback(&self) -> bool {
        // Whoever connects to the unspecified address connects to itself, and who listens there calls itself so.
        let is_this = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        self.authority.host() == "localhost" || self.ip().is_some_and(is_this)
    }
}

impl FromStr for Base {
    type Err = InvalidBase;

    fn from_str(text: &str) -> Result<Self, InvalidBase> {
        let invalid = || InvalidBase(text.to_owned());
        let parts = text.parse::<Uri>().map_err(|_| invalid())?.into_parts();
        let path = parts.path_and_query.as_ref().map_or("/", |path| path.as_str());
        let known = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        match (parts.scheme.filter(known), parts.authority) {
            (Some(scheme), Some(authority)) if path == "/" && !authority.as_str().contains('@') => {
                Ok(Self { scheme, authority })
            }
            _ => Err(invalid()),
        }
    }
}

impl From<SocketAddr> for Base {
    fn from(address: SocketAddr) -> Self {
        let authority = Authority::try_from(address.to_string());
        Self {
            scheme: Scheme::HTTP,
            authority: authority.expect("an address with its port is an authority"),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in [
            "http://127.0.0.1:8080",
            "https://roost.example",
            "http://[::1]:80",
        ] {
            assert_eq!(text.parse::<Base>().unwrap().to_string(), text);
        }
        let with_slash: Base = "http://localhost:1/".parse().unwrap();
        assert_eq!(with_slash.to_string(), "http://localhost:1");
        let v6: SocketAddr = "[::1]:8080".parse().unwrap();
        assert_eq!(Base::from(v6).to_string(), "http://[::1]:8080");
        for bad in [
            "",
            "host:80",
            "ftp://host",
            "http://host/v1",
            "http://key@host",
            "http://",
        ] {
            assert!(bad.parse::<Base>().is_err(), "{bad}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for (text, here) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://0.0.0.0:8080", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(text.parse::<Base>().unwrap().is_loopback(), here, "{text}");
        }
    }
}
