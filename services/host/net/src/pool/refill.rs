//! Keeps the pool warm in the background.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::shared::Shared;

/// How long to wait after a failure, doubling up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// Fills the pool whenever it is short, until it closes or is dropped.
pub(super) async fn run(pool: Weak<Shared>, short: Arc<Notify>, closing: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    while let Some(shared) = pool.upgrade() {
        let filled = shared.tasks.track_future(fill(&shared, &closing)).await;
        // Waiting must not keep a pool alive that everyone else dropped.
        drop(shared);
        if filled {
            pause = FIRST_PAUSE;
            tokio::select! {
                () = closing.cancelled() => return,
                () = short.notified() => {}
            }
        } else {
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

/// Makes what is missing, several at a time as the pool's permits allow. Says whether all went well.
async fn fill(shared: &Arc<Shared>, closing: &CancellationToken) -> bool {
    let mut well = true;
    while well && !closing.is_cancelled() {
        let missing = shared.host.config.warm.saturating_sub(shared.lock().warm.len());
        if missing == 0 {
            break;
        }
        let made = futures::future::join_all((0..missing).map(|_| shared.make())).await;
        for result in made {
            match result {
                Ok(slot) => shared.lock().warm.push_back(slot),
                Err(error) => {
                    tracing::warn!(%error, "cannot make a warm slot");
                    well = false;
                }
            }
        }
    }
    well
}
