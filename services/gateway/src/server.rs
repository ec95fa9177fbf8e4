//! Listening, and ending in order.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves `router` until `stop` is done; then takes no more connections and gives the requests under way `patience`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Duration,
) -> std::io::Result<()> {
    // Answers are small and awaited: they must not wait to be filled up.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays delayed");
        }
    });
    let (stopping, mut stopped) = watch::channel(false);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let serving = axum::serve(listener, router)
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
