//! Work that may block, kept off the thread that serves everybody.

use std::panic::resume_unwind;

use tokio::task::spawn_blocking;

/// Does `work` on a thread for such and waits for it.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => resume_unwind(error.into_panic()),
    }
}
