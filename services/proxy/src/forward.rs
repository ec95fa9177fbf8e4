//! Sending an exchange on and taking its answer.

use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::{Body, boxed, empty};
use crate::error::ForwardError;
use crate::exchange::{Exchange, Upgrade};
use crate::lease::Lease;
use crate::{expect, headers, tunnel};

/// Headers that an answer may have.
pub const MAX_HEADERS: usize = 128;
/// Bytes that an answer's head may have; also the most that is read ahead of who takes the body.
pub const MAX_HEAD: usize = 128 * 1024;

/// What is kept open between requests.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// Idle connections for each authority; none: every request has a connection of its own.
    pub size: usize,
    /// How long one is kept. Shorter than the server keeps its end, or requests meet connections that are just closed.
    pub idle: Duration,
}

impl Pool {
    /// Nothing is kept.
    pub const NONE: Self = Self {
        size: 0,
        idle: Duration::ZERO,
    };
}

/// Forwards to the servers that its connector reaches; clones share the pool, which is closed with the last of them.
///
/// One request at a time on a connection, so that one that stalls holds up no other. A request that finds its pooled
/// connection dead before a byte of it was sent takes the next one.
#[derive(Debug, Clone)]
pub struct Proxy<C>(Client<C, Body>);

impl<C: Connect + Clone + Send + Sync + 'static> Proxy<C> {
    /// Over connections that `connector` makes.
    pub fn new(connector: C, pool: Pool) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(pool.size)
            .pool_idle_timeout(pool.idle)
            .http1_max_headers(MAX_HEADERS)
            .http1_max_buf_size(MAX_HEAD)
            .build(connector);
        Self(client)
    }

    /// Sends the exchange to `authority`. The answer's head may take as long as it wants: long polls are requests too.
    ///
    /// Dropping the future, or the answer's body, ends the exchange with the server.
    pub async fn forward(
        &self,
        exchange: Exchange,
        authority: Authority,
        lease: Lease,
    ) -> Result<Response<Body>, ForwardError> {
        let Exchange {
            mut request,
            upgrade,
            expects,
        } = exchange;
        *request.uri_mut() = target(authority.clone(), request.uri().path_and_query().cloned());
        *request.version_mut() = Version::HTTP_11;
        if let Some(upgrade) = &upgrade {
            headers::set_upgrade(request.headers_mut(), upgrade.protocol.clone());
        }
        let mut request = request.map(|body| boxed(lease.bound(body)));
        if expects {
            request = expect::hold_back(request);
        }
        let answered = tokio::select! {
            biased;
            () = lease.ended() => return Err(ForwardError::Ended),
            answered = self.0.request(request) => answered,
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(source) if source.is_connect() => return Err(ForwardError::Connect { authority, source }),
            Err(source) => return Err(ForwardError::Broken { authority, source }),
        };
        *response.version_mut() = Version::HTTP_11;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let agreed = headers::upgrade(response.headers());
            return match (upgrade, agreed) {
                (Some(Upgrade { client, .. }), Some(protocol)) => {
                    tunnel::join(client, hyper::upgrade::on(&mut response), lease);
                    headers::strip(response.headers_mut());
                    headers::set_upgrade(response.headers_mut(), protocol);
                    Ok(response.map(|_| empty()))
                }
                _ => Err(ForwardError::Unasked { authority }),
            };
        }
        headers::strip(response.headers_mut());
        Ok(response.map(|body| boxed(lease.hold(body))))
    }
}

/// Where the request goes; a path of its own, whatever else the client wrote before it.
fn target(authority: Authority, path: Option<PathAndQuery>) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).expect("an authority and a path make a URI")
}
