//! What asks a tool to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels at the first SIGINT, SIGTERM or SIGHUP, and returns at the second: then the watchdog is to finish the job.
pub async fn signals(cancelled: &CancellationToken) {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let mut signals: Vec<Signal> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    any(&mut signals).await;
    eprintln!("\ncleaning up; interrupt once more to leave that to the watchdog");
    cancelled.cancel();
    any(&mut signals).await;
}

async fn any(signals: &mut [Signal]) {
    futures::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
}
