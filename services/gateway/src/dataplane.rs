//! The data plane: clients' requests for what runs inside sandboxes, told from those for the APIs before any route is.
//!
//! ```text
//!   Host: <port>-<id>.<domain>          ┐
//!   E2b-Sandbox-Id (E2b-Sandbox-Port)   ├─▶ reach ─────▶ admit ───▶ dress ───▶ the edge of its host ─▶ guest
//!   /files?signature=v1_…               ┘  its door,  ▲  traffic    headers
//!                                          caught up  │  token
//!                                             └▶ wake ┘ if it is paused, and a request may resume it
//!   anything else ────────────────────────▶ the APIs
//! ```
//!
//! It stands outside the APIs' middlewares: bodies have no bound here, and answers are the guest's, as they are. What
//! the gateway itself answers has the shape that E2B's SDKs read (see [`answer`]).

mod address;
mod answer;
mod dress;
mod reach;
mod signed;
mod wake;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper_util::client::legacy::connect::HttpConnector;
use roost_proxy::{Exchange, Lease, Pool, Proxy};
use roost_schemas::edge::{self, EdgeError};
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::Instrument;

use crate::observe;
use crate::state::Gateway;
use address::Target;
use answer::Refusal;
use reach::{Found, admit};
use signed::{Claim, Signatures};

/// Connections kept to each edge. An edge gives up idle ones after 30 s.
const POOL: Pool = Pool {
    size: 64,
    idle: Duration::from_secs(15),
};
/// How long an edge may take to accept.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the connection to an edge that has refused a request may take to let go of its body.
const LETTING_GO: Duration = Duration::from_millis(500);

/// The gateway's front: sandboxes' ports, and the APIs for the rest. Clones share it.
#[derive(Clone)]
pub struct Front {
    plane: Arc<Plane>,
    api: Router,
}

/// Puts the data plane of `gateway` before `api`.
pub fn front(gateway: Gateway, api: Router) -> Front {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    let plane = Plane {
        gateway,
        proxy: Proxy::new(connector, POOL),
        signatures: Signatures::default(),
    };
    Front {
        plane: Arc::new(plane),
        api,
    }
}

struct Plane {
    gateway: Gateway,
    proxy: Proxy<HttpConnector>,
    signatures: Signatures,
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (plane, mut api) = (Arc::clone(&self.plane), self.api.clone());
        let (request, unread) = roost_proxy::lend(request);
        let request = request.map(Body::new);
        let span = observe::span(&request);
        let answer = async move {
            let is_browser = answer::is_browser(request.headers());
            let asked = plane.asked(&request);
            let is_api = matches!(asked, Ok(Asked::Api));
            let answered = match asked {
                Ok(Asked::Api) => Ok(api.call(request).await?),
                Ok(Asked::Port(target)) => plane.pass(request, &target).await,
                Ok(Asked::File(claim)) => match plane.signer(&claim).await {
                    Ok(target) => plane.pass(request, &target).await,
                    Err(refusal) => Err(refusal),
                },
                Err(refusal) => Err(refusal),
            };
            let (mut response, patience) = match answered {
                // The guest may go on reading while it answers.
                Ok(response) => (response, Duration::ZERO),
                Err(refusal) => (refusal.into_response(is_browser), LETTING_GO),
            };
            if !is_api {
                observe::count_guest(response.status());
            }
            unread.settle(&mut response, patience).await;
            Ok(response)
        };
        Box::pin(answer.instrument(span))
    }
}

/// What a request is for.
enum Asked {
    /// The gateway itself.
    Api,
    /// A port of a sandbox.
    Port(Target),
    /// A file of the sandbox that has signed the request.
    File(Claim),
}

impl Plane {
    fn asked(&self, request: &Request) -> Result<Asked, Refusal> {
        if let Some(target) = Target::of(request, self.gateway.domain()).map_err(Refusal::Address)? {
            return Ok(Asked::Port(target));
        }
        Ok(Claim::of(request).map_or(Asked::Api, Asked::File))
    }

    /// Lets the guest answer.
    async fn pass(&self, request: Request, target: &Target) -> Result<Response, Refusal> {
        let claim = self.gateway.admission().port();
        let claim = claim.map_err(|_| Refusal::Full(target.clone()))?;
        let way = match self.find(target).await? {
            Found::Way(way) => *way,
            Found::Asleep => {
                self.admit_to_wake(&request, target)?;
                self.wake(target).await?
            }
        };
        admit(&way.policy, request.headers(), target, &self.gateway)?;
        let client = dress::Client::of(&request);
        let mut exchange = Exchange::new(request).map_err(Refusal::Unfit)?;
        dress::dress(exchange.headers_mut(), &client, target, &way, &self.gateway);
        let lease = Lease::new(CancellationToken::new(), claim);
        let forwarded = self.proxy.forward(exchange, way.edge.clone(), lease).await;
        let mut response = match forwarded {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(sandbox = %target.sandbox, error = error.chain(), "the edge does not answer");
                return Err(Refusal::Away(target.clone()));
            }
        };
        match response.headers_mut().remove(edge::ERROR) {
            Some(error) => Err(self.refused(target, error.to_str().unwrap_or_default()).await),
            None => Ok(response.map(Body::new)),
        }
    }

    /// What the edge's own answer means for the client.
    async fn refused(&self, target: &Target, error: &str) -> Refusal {
        let target = target.clone();
        match error.parse() {
            Ok(EdgeError::PortClosed) => Refusal::PortClosed(target),
            Ok(EdgeError::Unreachable) => Refusal::Silent(target),
            Ok(EdgeError::NoPath) => Refusal::NoPath,
            Ok(EdgeError::Busy) => Refusal::Busy(target),
            // Ended a moment ago, or its host has only just come back and is yet to take it up: the log knows.
            Ok(EdgeError::NoSandbox) => match self.caught_up(&target).await {
                Ok(Found::Way(_)) => Refusal::Away(target),
                // The request is spent; the next one resumes it.
                Ok(Found::Asleep) => Refusal::Turning(target),
                Err(refusal) => refusal,
            },
            Ok(EdgeError::Forbidden) | Err(_) => {
                tracing::error!(
                    error,
                    "the edge refuses this gateway: give both the same token key and release"
                );
                Refusal::Away(target)
            }
        }
    }
}
