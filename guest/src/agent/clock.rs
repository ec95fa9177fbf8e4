//! The guest's clock, which the host corrects after boot and after every restore.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_settime};

/// A clock further behind than this is set; a restored guest is behind by the length of its pause.
const BEHIND: Duration = Duration::from_millis(50);
/// A clock ahead by less than this is left alone: time that runs backwards hurts programs more than a small error.
const AHEAD: Duration = Duration::from_secs(5);

/// Sets the clock to the host's time when it is off by too much.
pub(super) fn correct(host: SystemTime) -> nix::Result<()> {
    if !is_off(SystemTime::now(), host) {
        return Ok(());
    }
    let since = host.duration_since(UNIX_EPOCH).unwrap_or_default();
    clock_settime(ClockId::CLOCK_REALTIME, since.into())
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
    fn a_clock_behind_is_set_sooner_than_one_ahead() {
        let host = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ms = Duration::from_millis;
        assert!(!is_off(host - ms(50), host));
        assert!(is_off(host - ms(51), host));
        assert!(!is_off(host + ms(5000), host));
        assert!(is_off(host + ms(5001), host));
    }
}
