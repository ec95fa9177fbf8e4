//! Threads of their own for work that changes the thread itself.
//!
//! A thread that enters a network namespace cannot be given back to a pool, so such work never runs on a runtime's
//! worker or blocking threads: it gets a thread that ends with it.

use std::thread::Builder;

use tokio::runtime;
use tokio::task::spawn_blocking;

use crate::error::{Error, OsError};

/// Runs `work` on a new thread and waits for the thread to end.
pub(crate) fn wait<T, W>(name: &str, work: W) -> Result<T, Error>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let thread = Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(OsError::Thread)?;
    thread.join().map_err(|_| Error::WorkerDied(name.to_owned()))
}

/// Runs `work` on a new thread and awaits its end. Dropping the future does not stop the work.
pub(crate) async fn run<T, W>(name: String, work: W) -> Result<T, Error>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let waiting = spawn_blocking(move || wait(&name, work));
    waiting
        .await
        .map_err(|error| Error::WorkerDied(error.to_string()))?
}

/// A runtime for netlink sockets of this thread's namespace, polled by this thread alone.
pub(crate) fn local_runtime() -> Result<runtime::Runtime, OsError> {
    runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(OsError::Thread)
}
