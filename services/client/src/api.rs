//! One gateway, as one holder of an API key sees it.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::{Answer, Away, Base};

/// How long any one exchange may take, unless it is told otherwise.
pub const PATIENCE: Duration = Duration::from_mins(3);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// After how long a silence the gateway's machine is asked whether it is there, and how often then.
const PROBE: Duration = Duration::from_secs(15);
/// For how long it may leave that, or anything that was sent, unanswered: a machine that lost its power says no goodbye.
const GONE: Duration = Duration::from_mins(1);
/// The header that carries the key.
const KEY: &str = "x-api-key";

/// The body of a request.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A body that is there already.
pub fn body(bytes: impl Into<Bytes>) -> Body {
    let full = Full::new(bytes.into());
    full.map_err(|never| match never {}).boxed_unsync()
}

/// The gateway, as one holder of an API key sees it.
#[derive(Clone)]
pub struct Api {
    base: Base,
    key: Option<HeaderValue>,
    patience: Duration,
    pub(crate) connector: HttpsConnector<HttpConnector>,
    http: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Api {
    /// The gateway at `base`. A key that cannot stand in a header is refused by the gateway, like any other wrong one.
    pub fn new(base: impl Into<Base>, key: &str) -> Self {
        let base = base.into();
        let connector = connector(base.is_secure());
        let http = Client::builder(TokioExecutor::new()).build(connector.clone());
        let key = HeaderValue::from_str(key).map(|mut key| {
            key.set_sensitive(true);
            key
        });
        Self {
            base,
            key: key.ok(),
            patience: PATIENCE,
            connector,
            http,
        }
    }

    /// The same without a key.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            key: None,
            ..self.clone()
        }
    }

    /// The same, whose exchanges may take so long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where it is.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Sends a request with a JSON body, or none for `null`.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        self.send_raw(method, path, &[(CONTENT_TYPE.as_str(), "application/json")], body)
            .await
    }

    /// Sends a request as it is, with the API key added.
    pub async fn send_raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        bytes: impl Into<Bytes>,
    ) -> Result<Answer> {
        let what = format!("{method} {}{path}", self.base);
        let exchange = async {
            let response = self.open(method, path, headers, body(bytes)).await?;
            let (parts, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .with_context(|| Away(what.clone()))?
                .to_bytes();
            anyhow::Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        };
        let patience = self.patience;
        tokio::time::timeout(patience, exchange)
            .await
            .with_context(|| Away(format!("{what}: no answer within {patience:?}")))?
    }

    /// Sends a request and answers as soon as the response's head is there, however long that takes. Who does not answer at
    /// all is [`Away`].
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>> {
        let what = format!("{method} {}{path}", self.base);
        let mut request = self.request(path).with_context(|| what.clone())?.method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).with_context(|| what.clone())?;
        let answered = self.http.request(request).await;
        answered.map_err(|error| {
            // What could not be read to be sent is no fault of the gateway.
            if is_ours(&error) {
                return anyhow::Error::new(error).context(what);
            }
            anyhow::Error::new(error).context(Away(what))
        })
    }

    /// The beginning of a request there, with the API key.
    pub(crate) fn request(&self, path: &str) -> Result<hyper::http::request::Builder, hyper::http::Error> {
        let mut request = Request::builder().uri(self.base.join(path)?);
        if let Some(key) = &self.key {
            request = request.header(KEY, key.clone());
        }
        Ok(request)
    }
}

/// Whether a request failed because of its own body.
fn is_ours(error: &Error) -> bool {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<hyper::Error>());
    cause.is_some_and(hyper::Error::is_user)
}

/// Connects in the clear, or by TLS: then whom to trust is what the system says, or `SSL_CERT_FILE`.
fn connector(is_secure: bool) -> HttpsConnector<HttpConnector> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    http.set_keepalive(Some(PROBE));
    http.set_keepalive_interval(Some(PROBE));
    http.set_tcp_user_timeout(Some(GONE));
    let mut roots = RootCertStore::empty();
    if is_secure {
        // What cannot be read is not trusted; if nothing is left, the handshake says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks the versions that rustls asks for")
        .with_root_certificates(roots)
        .with_no_client_auth();
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http)
}
