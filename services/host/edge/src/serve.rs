//! Taking gateways' requests.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use roost_proxy::{Body, Exchange, MAX_HEADERS};
use roost_schemas::edge::{EdgeError, SANDBOX, is_public_path};
use roost_schemas::{envd, trace};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info_span};

use crate::destination::{self, Destination};
use crate::guests::Guests;
use crate::refusal::Refusal;

/// A request's head must come within this time; so must the next request of a connection that is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed accept: it fails for want of descriptors, and trying at once only burns the CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the connection to a guest that has failed may take to let go of a request's body.
const LETTING_GO: Duration = Duration::from_millis(500);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// What gateways show.
    pub(crate) token: String,
    pub(crate) guests: Arc<Guests>,
}

/// Accepts for as long as it is polled; connections end with `ended`.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, ended: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = connection(stream, Arc::clone(&shared));
                tokio::spawn(ended.clone().run_until_cancelled_owned(connection));
            }
            Err(error) => {
                tracing::warn!(%error, "the edge cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays delayed");
    }
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        let span = span(&request);
        async move { Ok::<_, Infallible>(answer(request, &shared).await) }.instrument(span)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a gateway's connection broke");
    }
}

/// The span that a request is passed on in: a part of the gateway's trace. The guest is told the same as we are.
fn span(request: &Request<Incoming>) -> Span {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    info_span!(
        "edge",
        method = %request.method(),
        sandbox = text(SANDBOX),
        traceparent = text(trace::HEADER),
    )
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let (request, unread) = roost_proxy::lend(request);
    match pass(request, shared).await {
        Ok(mut response) => {
            // The guest may go on reading while it answers.
            unread.settle(&mut response, Duration::ZERO).await;
            response
        }
        Err(refusal) => {
            if refusal.kind == EdgeError::Forbidden {
                tracing::warn!(refusal.message, "a request that is no gateway's");
            } else {
                tracing::debug!(kind = %refusal.kind, refusal.message, "not forwarded");
            }
            let mut response = refusal.into_response();
            unread.settle(&mut response, LETTING_GO).await;
            response
        }
    }
}

async fn pass(request: Request<Body>, shared: &Shared) -> Result<Response<Body>, Refusal> {
    let forbidden = |error: &dyn std::error::Error| Refusal::new(EdgeError::Forbidden, error.to_string());
    let to = Destination::of(request.headers(), &shared.token).map_err(|error| forbidden(&error))?;
    let path = request.uri().path();
    if to.port == envd::PORT && !is_public_path(path) {
        let message = format!("{path} of the agent is for its host alone");
        return Err(Refusal::new(EdgeError::NoPath, message));
    }
    let Some(guest) = shared.guests.get(&to.sandbox) else {
        return Err(Refusal::no_sandbox(&to.sandbox));
    };
    let mut exchange = Exchange::new(request).map_err(|error| forbidden(&error))?;
    destination::strip(exchange.headers_mut());
    let mut response = guest.answer(exchange, to.port).await?;
    destination::strip(response.headers_mut());
    Ok(response)
}
