//! Listening: so many connections at a time, no slow heads, and an end in order.
//!
//! ```text
//!   accept ─┬─ a place is free ──▶ requests, one after another, until either side has enough
//!           ├─ a spare one is ───▶ 503 to the one request that comes, soon
//!           └─ none is ──────────▶ closed
//! ```

mod connection;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::guard;
use crate::limits::Limits;
pub(crate) use connection::Hangup;
use connection::Terms;

/// How long a connection may be silent before its client is asked whether it is there. A tunnel has no other bound.
const SILENCE: Duration = Duration::from_mins(1);
/// Pause after a failed accept: it fails for want of descriptors, and trying at once only burns the CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that are told at the same time that there is no place for them.
const SPARE: usize = 64;
/// How long such a one may take to say what it wants.
const SPARE_HEAD: Duration = Duration::from_secs(2);

/// Serves `service` within `limits` until `stop` is done; then takes no more connections and gives the requests under way
/// [`Limits::shutdown`].
pub async fn serve<S>(
    listener: TcpListener,
    service: S,
    stop: impl Future<Output = ()> + Send + 'static,
    limits: Limits,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let Limits {
        connections,
        head,
        shutdown,
        ..
    } = limits;
    let stopping = CancellationToken::new();
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(connections));
    let spare = Arc::new(Semaphore::new(SPARE));
    let full = tower::service_fn(move |request: Request| {
        std::future::ready(Ok::<_, Infallible>(guard::full(&request, connections)))
    });
    let terms = |head, requests| Terms {
        head,
        requests,
        stopping: stopping.clone(),
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the gateway cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = settle(&stream) {
            tracing::debug!(%error, "a connection stays as it is");
        }
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let terms = terms(head, connection::Requests::Many);
            tasks.spawn(connection::serve(stream, peer, service.clone(), terms, place));
        } else if let Ok(place) = Arc::clone(&spare).try_acquire_owned() {
            let terms = terms(SPARE_HEAD, connection::Requests::One);
            tasks.spawn(connection::serve(stream, peer, full, terms, place));
        } else {
            tracing::debug!(%peer, "no place is free: a connection is closed");
        }
    }
    drop(listener);
    stopping.cancel();
    tasks.close();
    if tokio::time::timeout(shutdown, tasks.wait()).await.is_err() {
        tracing::warn!(patience = ?shutdown, "requests were still under way at the end");
    }
}

fn settle(stream: &TcpStream) -> io::Result<()> {
    // Answers are small and awaited: they must not wait to be filled up.
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    Ok(sockopt::set_tcp_keepidle(stream, SILENCE)?)
}
