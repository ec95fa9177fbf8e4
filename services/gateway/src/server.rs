//! Listening, and ending in order.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::ServiceExt;
use axum::extract::Request;
use axum::response::Response;
use axum::serve::ListenerExt;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::Service;

/// How long a connection may be silent before its client is asked whether it is there. A tunnel has no other bound.
const SILENCE: Duration = Duration::from_mins(1);

/// Serves `service` until `stop` is done; then takes no more connections and gives the requests under way `patience`.
pub async fn serve<S>(
    listener: TcpListener,
    service: S,
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Duration,
) -> io::Result<()>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let listener = listener.tap_io(|stream| {
        if let Err(error) = settle(stream) {
            tracing::debug!(%error, "a connection stays as it is");
        }
    });
    let (stopping, mut stopped) = watch::channel(false);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let serving = axum::serve(listener, service)
        .with_graceful_shutdown(stop)
        .into_future();
    let out_of_patience = async {
        // An error means that serving has ended, which the other branch tells.
        if stopped.wait_for(|stopping| *stopping).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        ended = serving => ended,
        () = out_of_patience => {
            tracing::warn!(?patience, "requests were still under way at the end");
            Ok(())
        }
    }
}

fn settle(stream: &TcpStream) -> io::Result<()> {
    // Answers are small and awaited: they must not wait to be filled up.
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    Ok(sockopt::set_tcp_keepidle(stream, SILENCE)?)
}
