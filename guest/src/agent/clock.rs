//! The guest's clock, which the host corrects after boot and after every restore.
//!
//! Only the wall clock moves. The monotonic clock, by which deadlines, keepalives and what is kept for a while are
//! counted, stands still with the machine and knows of no step.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_settime};

/// A clock further behind than this is set; a restored guest is behind by the length of its pause.
const BEHIND: Duration = Duration::from_millis(50);
/// A clock ahead by less than this is left alone: time that runs backwards hurts programs more than a small error.
const AHEAD: Duration = Duration::from_secs(5);

/// The host's time, and when it was heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostTime {
    /// What the host said.
    pub(super) told: SystemTime,
    /// When its request arrived: an emulated guest needs a while for it.
    pub(super) heard: Instant,
}

impl HostTime {
    fn now(self) -> SystemTime {
        self.told.checked_add(self.heard.elapsed()).unwrap_or(self.told)
    }

    /// Sets the clock when it is off by too much.
    pub(super) fn correct(self) -> nix::Result<()> {
        if is_off(SystemTime::now(), self.now()) {
            self.step()
        } else {
            Ok(())
        }
    }

    /// Sets the clock, forward or backward: a restored guest is as old as its snapshot.
    pub(super) fn step(self) -> nix::Result<()> {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        clock_settime(ClockId::CLOCK_REALTIME, since.into())
    }
}

fn is_off(guest: SystemTime, host: SystemTime) -> bool {
    match host.duration_since(guest) {
        Ok(behind) => behind > BEHIND,
        Err(ahead) => ahead.duration() > AHEAD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_after_the_host_told_it() {
        let told = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let Some(heard) = Instant::now().checked_sub(Duration::from_millis(300)) else {
            // A machine that has just booted.
            return;
        };
        let late = HostTime { told, heard }.now().duration_since(told).unwrap();
        assert!(
            late >= Duration::from_millis(300) && late < Duration::from_mins(1),
            "{late:?}"
        );
    }

    #[test]
    fn a_clock_behind_is_set_sooner_than_one_ahead() {
        let host = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ms = Duration::from_millis;
        assert!(!is_off(host - ms(50), host));
        assert!(is_off(host - ms(51), host));
        assert!(!is_off(host + ms(5000), host));
        assert!(is_off(host + ms(5001), host));
    }
}
