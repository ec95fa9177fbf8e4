//! Posting to a target that its tenant chose, and that may be anything: private, slow, endless, redirecting.
//!
//! ```text
//!   URL ─ check ─▶ name ─ resolve ─▶ addresses ─ each is checked ─▶ connect to one of them ─ TLS ─▶ POST ─▶ status
//! ```
//!
//! What is connected to is what was checked: a name that leads elsewhere a moment later gains nothing. Redirects are not
//! followed, no proxy is used, and no more of an answer is read than tells its status.

mod later;
mod resolve;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use roost_domain::webhook::Targets;
use rustls::{ClientConfig, RootCertStore};

use crate::message::Headers;
use resolve::{Checked, Unresolved};

/// How long a target may take to be connected to.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take altogether.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long a connection is kept for the next commit.
const KEEP_FOR: Duration = Duration::from_secs(30);
/// Connections kept to one target.
const KEEP: usize = 4;
/// Bytes of an answer's head.
const HEAD: usize = 16 * 1024;
/// Headers of an answer.
const MAX_HEADERS: usize = 64;

/// What is posted.
#[derive(Debug, Clone)]
pub struct Posting {
    /// Where to.
    pub url: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

impl Posting {
    /// The id that is the same for every try.
    pub fn id(&self) -> &str {
        &self.headers.id
    }

    /// What it says.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Why a target did not take what it was sent. Its words may be shown to the tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Webhooks do not go there.
    #[error("{0}")]
    Refused(String),
    /// It could not be connected to, or broke off.
    #[error("not reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer within {ANSWER_WITHIN:?}")]
    Slow,
    /// It answered with another place, to which nothing is sent.
    #[error("it answered {0}: redirects are not followed, change the webhook's URL")]
    Redirect(StatusCode),
    /// It said no.
    #[error("it answered {0}; any 2xx would do")]
    Status(StatusCode),
    /// It said no, and how long it wants to be left alone.
    #[error("it answered {0} and asked for {1:?}; any 2xx would do")]
    Later(StatusCode, Duration),
}

impl Failure {
    /// It in a word, for figures.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::Slow => "slow",
            Self::Redirect(_) => "redirect",
            Self::Status(_) | Self::Later(..) => "status",
        }
    }

    /// How long the target wants to be left alone, if it said so.
    pub(crate) fn asks_for(&self) -> Option<Duration> {
        match self {
            Self::Later(_, asked) => Some(*asked),
            _ => None,
        }
    }
}

/// Whoever can post.
pub trait Post: Send + Sync + 'static {
    /// Posts once. A success means that the target has it.
    fn post(&self, posting: Posting) -> BoxFuture<'_, Result<(), Failure>>;
}

/// Posts over HTTP and HTTPS.
pub struct HttpPost {
    client: Client<HttpsConnector<HttpConnector<Checked>>, Full<Bytes>>,
    targets: Targets,
}

impl HttpPost {
    /// To `targets` alone; over HTTPS to those whose certificates this machine trusts.
    pub fn new(targets: Targets) -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new_with_resolver(Checked::new(targets.clone()));
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        http.set_nodelay(true);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_FOR)
            .pool_max_idle_per_host(KEEP)
            .http1_max_buf_size(HEAD)
            .http1_max_headers(MAX_HEADERS)
            .build(https);
        Ok(Self { client, targets })
    }

    async fn send(&self, posting: Posting) -> Result<(), Failure> {
        // An address in the URL itself is not looked up, so it is checked here.
        let url = self.targets.check(&posting.url);
        let url = url.map_err(|rejection| Failure::Refused(rejection.to_string()))?;
        let request = Request::post(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("roost-webhooks/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", posting.headers.id)
            .header("webhook-timestamp", posting.headers.timestamp)
            .header("webhook-signature", posting.headers.signature)
            .body(Full::new(posting.body));
        let request = request.map_err(|error| Failure::Refused(error.to_string()))?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| failure(&error))?;
        match (answer.status(), later::asked(&answer)) {
            (status, _) if status.is_success() => Ok(()),
            (status, _) if status.is_redirection() => Err(Failure::Redirect(status)),
            (status, Some(asked)) => Err(Failure::Later(status, asked)),
            (status, None) => Err(Failure::Status(status)),
        }
    }
}

impl Post for HttpPost {
    fn post(&self, posting: Posting) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let answered = tokio::time::timeout(ANSWER_WITHIN, self.send(posting)).await;
            answered.unwrap_or(Err(Failure::Slow))
        })
    }
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of this machine cannot be used");
    }
    let mut roots = RootCertStore::empty();
    let (trusted, _) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        tracing::warn!("this machine trusts no certificates: no target with https can be reached");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// What stands behind the client's own error, which only says at which step it was.
fn failure(error: &hyper_util::client::legacy::Error) -> Failure {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
        if let Some(unresolved @ Unresolved::NotPublic(address)) = cause.downcast_ref() {
            tracing::debug!(%address, "the name of a webhook's target leads inside");
            return Failure::Refused(unresolved.to_string());
        }
    }
    Failure::Unreachable(cause.to_string())
}

#[cfg(test)]
mod tests;
