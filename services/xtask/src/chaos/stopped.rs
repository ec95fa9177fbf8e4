//! A process held by descriptor, that can be killed or made to stand still.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process that is there, whatever becomes of its id.
#[derive(Debug)]
pub(super) struct Held(OwnedFd);

impl Held {
    /// Takes hold of it, if it is there and `is_it` still says so.
    pub(super) fn take(pid: Pid, is_it: impl FnOnce() -> bool) -> Option<Self> {
        let held = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        is_it().then_some(Self(held))
    }

    /// `kill -9`; whether it was there to be killed.
    pub(super) fn kill(self) -> bool {
        self.signal(Signal::KILL)
    }

    /// Lets it stand still for as long as the answer lives; nothing if it was gone.
    pub(super) fn stop(self) -> Option<Stopped> {
        self.signal(Signal::STOP).then(|| Stopped(self))
    }

    fn signal(&self, signal: Signal) -> bool {
        !matches!(pidfd_send_signal(&self.0, signal), Err(Errno::SRCH))
    }
}

/// A process that stands still until this is dropped.
#[derive(Debug)]
pub(super) struct Stopped(Held);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}
