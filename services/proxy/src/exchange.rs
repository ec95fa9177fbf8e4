//! A request that may be forwarded.

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, HeaderValue, Method, Request};
use hyper::upgrade::OnUpgrade;

use crate::body::{Body, BoxError, boxed};
use crate::error::Unfit;
use crate::headers;

/// A request as the next server is to have it, but for what the caller still adds. Hop-by-hop headers are off before
/// the caller adds its own, so that a client cannot name those in `Connection`.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) request: Request<Body>,
    pub(crate) upgrade: Option<Upgrade>,
    /// Whether the client waits for 100 before it sends the body.
    pub(crate) expects: bool,
}

/// A client's wish to go on with another protocol.
#[derive(Debug)]
pub(crate) struct Upgrade {
    pub(crate) protocol: HeaderValue,
    pub(crate) client: OnUpgrade,
}

impl Exchange {
    /// Takes a request as a server has received it.
    pub fn new<B>(mut request: Request<B>) -> Result<Self, Unfit>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        check(&request)?;
        let expects = request
            .headers()
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let upgrade = headers::upgrade(request.headers()).map(|protocol| Upgrade {
            protocol,
            client: hyper::upgrade::on(&mut request),
        });
        let mut request = request.map(boxed);
        headers::strip(request.headers_mut());
        Ok(Self {
            request,
            upgrade,
            expects,
        })
    }

    /// What the next server will see, but for the upgrade.
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// To change what the next server will see.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.request.headers_mut()
    }

    /// Forgets that the client wants another protocol: it is answered in this one, as RFC 9110, 7.8 allows.
    #[must_use]
    pub fn without_upgrade(mut self) -> Self {
        self.upgrade = None;
        self
    }
}

fn check<B>(request: &Request<B>) -> Result<(), Unfit> {
    if request.method() == Method::CONNECT {
        return Err(Unfit::Connect);
    }
    match request.uri().path() {
        path if path.starts_with('/') => Ok(()),
        "*" if request.method() == Method::OPTIONS => Ok(()),
        _ => Err(Unfit::NoPath),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::empty;

    fn fit(method: &str, uri: &str, pairs: &[(&str, &str)]) -> Result<Exchange, Unfit> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        Exchange::new(request.body(empty()).unwrap())
    }

    #[test]
    fn only_what_asks_for_a_path_is_forwarded() {
        assert_eq!(fit("CONNECT", "a:1", &[]).unwrap_err(), Unfit::Connect);
        assert_eq!(fit("GET", "*", &[]).unwrap_err(), Unfit::NoPath);
        assert!(fit("OPTIONS", "*", &[]).is_ok());
        assert!(fit("GET", "http://elsewhere/path", &[]).is_ok());
    }

    #[test]
    fn an_upgrade_can_be_passed_over() {
        let asked = [("connection", "upgrade"), ("upgrade", "h2c")];
        let exchange = fit("GET", "/", &asked).unwrap();
        assert!(exchange.upgrade.is_some() && exchange.headers().is_empty());
        assert!(exchange.without_upgrade().upgrade.is_none());
    }
}
