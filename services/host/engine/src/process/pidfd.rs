//! Waiting on a pidfd, which becomes readable when its process ends.

use std::{io, os::fd::OwnedFd, sync::Arc};
use tokio::io::{Interest, unix::AsyncFd};

/// A pidfd known to the runtime. Must be called inside a tokio runtime with I/O enabled.
#[expect(
    deprecated,
    reason = "the replacement is unsafe, to guard against types whose raw descriptor changes; an OwnedFd's cannot"
)]
pub(super) fn register(pidfd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    AsyncFd::with_interest(pidfd, Interest::READABLE)
}
