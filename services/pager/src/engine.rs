//! The engine, as a process: the pager's life hangs on its, and its on the pager's.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::last_resort;

/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(1);

/// The process that connected. When this is dropped, it is killed: there is no way out of a pager that leaves its engine
/// behind. One that has ended already is not hurt.
#[derive(Debug)]
pub(crate) struct Engine {
    pid: Pid,
    process: OwnedFd,
    /// Stays open as long as the pager serves: an engine can tell by it that its pager is gone.
    _connection: OwnedFd,
}

/// Why a peer is not an engine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoProcess {
    #[error("its process cannot be told: {0}")]
    Unknown(rustix::io::Errno),
    #[error("it closed the connection")]
    Left,
}

impl Engine {
    /// The process at the other end of `connection`.
    pub(crate) fn behind(connection: OwnedFd) -> Result<Self, NoProcess> {
        let peer = rustix::net::sockopt::socket_peercred(&connection).map_err(NoProcess::Unknown)?;
        let process =
            rustix::process::pidfd_open(peer.pid, PidfdFlags::empty()).map_err(NoProcess::Unknown)?;
        // While the connection is up, its maker lives, so that the number cannot have been given to another process.
        if happens(&connection, PollFlags::RDHUP | PollFlags::HUP, Duration::ZERO) {
            return Err(NoProcess::Left);
        }
        last_resort::arm(process.as_fd());
        Ok(Self {
            pid: peer.pid,
            process,
            _connection: connection,
        })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Whether it ends within `patience`.
    pub(crate) fn ends_within(&self, patience: Duration) -> bool {
        happens(&self.process, PollFlags::IN, patience)
    }
}

/// The pidfd.
impl AsFd for Engine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = rustix::process::pidfd_send_signal(&self.process, Signal::KILL);
        // The userfaultfd is closed after this, and a fault after that would read zeros.
        self.ends_within(KILLED);
        last_resort::disarm();
    }
}

fn happens(descriptor: &OwnedFd, what: PollFlags, patience: Duration) -> bool {
    let patience = Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let mut waited = [PollFd::new(descriptor, what)];
    matches!(rustix::event::poll(&mut waited, Some(&patience)), Ok(1..))
}
