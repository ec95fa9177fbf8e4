//! One connection: HTTP/1.1 in bounded memory, with a bound on every wait for a head.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use roost_proxy::{MAX_HEAD, MAX_HEADERS};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

/// What a connection may do.
pub(super) struct Terms {
    /// How long a head may take, the wait for it included.
    pub(super) head: Duration,
    /// How many requests it may bring.
    pub(super) requests: Requests,
    /// Cancelled when no more requests are to be taken.
    pub(super) stopping: CancellationToken,
}

/// See [`Terms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Requests {
    One,
    Many,
}

/// Hangs up: for a client that takes nothing, which no answer reaches.
#[derive(Debug, Clone)]
pub(crate) struct Hangup(CancellationToken);

impl Hangup {
    pub(crate) fn now(&self) {
        self.0.cancel();
    }
}

/// Serves a connection to its end. An upgraded one gives its place back: what it became has a bound of its own.
pub(super) async fn serve<S>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    terms: Terms,
    place: OwnedSemaphorePermit,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let hangup = Hangup(CancellationToken::new());
    let hung_up = hangup.0.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(hangup.clone());
        service.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(terms.head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .keep_alive(terms.requests == Requests::Many);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    let served = tokio::select! {
        served = &mut connection => served,
        () = hung_up.cancelled() => Ok(()),
        () = terms.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                served = connection => served,
                () = hung_up.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "a client's connection broke");
    }
    drop(place);
}
