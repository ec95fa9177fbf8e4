//! What the one thread waits for: its time, whoever asks, and signals to end.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use crate::error::Death;

/// What ended a wait, beside its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Happened {
    /// Somebody connects.
    pub(crate) asked: bool,
    /// A signal came.
    pub(crate) told_to_end: bool,
}

/// Waits by a timer: the time that poll(2) takes stands still while the machine sleeps.
pub(crate) struct Wait {
    timer: OwnedFd,
    signals: SignalFd,
}

impl Wait {
    pub(crate) fn new() -> Result<Self, Death> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block().map_err(Death::setup("block signals"))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self {
            timer: timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)
                .map_err(Death::setup("make a timer"))?,
            signals: SignalFd::with_flags(&set, flags).map_err(Death::setup("watch for signals"))?,
        })
    }

    /// Waits until `time`, by `CLOCK_BOOTTIME`, or until something happens.
    pub(crate) fn until(&self, time: Duration, listener: &UnixListener) -> Result<Happened, Death> {
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: timespec(time),
        };
        // Setting it anew forgets that it was over: it is never read.
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)
            .map_err(Death::setup("set a timer"))?;
        let mut waited = [
            PollFd::new(&self.timer, PollFlags::IN),
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(&self.signals, PollFlags::IN),
        ];
        match poll(&mut waited, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Death::setup("wait")(error)),
        }
        let [_, asked, told_to_end] = waited.map(|one| !one.revents().is_empty());
        Ok(Happened { asked, told_to_end })
    }
}

/// Time since the boot of the machine, sleep included.
pub(crate) fn now() -> Duration {
    // A clock that begins at zero with the boot is never before it.
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        // Zero would mean no time at all.
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().max(1).into(),
    }
}
