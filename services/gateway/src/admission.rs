//! How many requests of a kind may be under way: one more is refused at once, and told when to come again.
//!
//! ```text
//!   request ─▶ key ─▶ a claim on its kind ─┬─▶ handler ─▶ answer, which holds the claim until its body is sent
//!                                          └─▶ 429, Retry-After
//! ```
//!
//! Kinds are apart from each other: slow files keep nobody from killing a sandbox, and a crowd of creates nobody from
//! looking. Programs and sockets have bounds of their own, because they last (see [`Limits`]). The claim comes after
//! the key: who has none takes no room.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Limits;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// A right to go on, for as long as it is held.
pub(crate) type Claim = OwnedSemaphorePermit;

/// The claims that can be had, by kind.
#[derive(Debug)]
pub(crate) struct Admission {
    reads: Room,
    writes: Room,
    ends: Room,
    guests: Room,
    ports: Room,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            reads: Room::new("reads", limits.reads),
            writes: Room::new("writes", limits.writes),
            ends: Room::new("deletes", limits.writes),
            guests: Room::new("requests to sandboxes' agents", limits.guests),
            ports: Room::new("requests to sandboxes' ports", limits.ports),
        }
    }

    /// For a read that is not behind [`log`].
    pub(crate) fn read(&self) -> Result<Claim, ApiError> {
        self.reads.claim()
    }

    /// For a request to a port of a sandbox.
    pub(crate) fn port(&self) -> Result<Claim, ApiError> {
        self.ports.claim()
    }
}

/// One kind's claims.
#[derive(Debug)]
struct Room {
    what: &'static str,
    bound: usize,
    free: Arc<Semaphore>,
}

impl Room {
    fn new(what: &'static str, bound: usize) -> Self {
        let free = Arc::new(Semaphore::new(bound));
        Self { what, bound, free }
    }

    fn claim(&self) -> Result<Claim, ApiError> {
        let Self { what, bound, free } = self;
        Arc::clone(free).try_acquire_owned().map_err(|_| {
            let message = format!("{bound} {what} are under way, which is all this gateway takes; try again");
            ApiError::new(Code::NoCapacity, message)
        })
    }
}

/// Admits what is answered from the log, or goes there.
pub(crate) async fn log(
    State(gateway): State<Gateway>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let admission = gateway.admission();
    let room = match request.method() {
        // What makes room must not wait for it.
        &Method::DELETE => &admission.ends,
        method if method.is_safe() => &admission.reads,
        _ => &admission.writes,
    };
    Ok(hold(room.claim()?, next.run(request).await))
}

/// Admits what goes to a sandbox's agent.
pub(crate) async fn guest(
    State(gateway): State<Gateway>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let claim = gateway.admission().guests.claim()?;
    Ok(hold(claim, next.run(request).await))
}

/// The same answer, which holds `claim` until it is sent.
pub(crate) fn hold(claim: Claim, response: Response) -> Response {
    response.map(|body| Body::new(Held { body, _claim: claim }))
}

/// A body that holds a claim: who reads slowly counts against the bound.
struct Held {
    body: Body,
    _claim: Claim,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
