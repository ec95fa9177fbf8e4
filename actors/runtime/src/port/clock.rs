//! Time, which a simulator replaces.

use std::time::Duration;

use roost_schemas::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Tells the time that commands are stamped with, and the time that passes.
pub trait Clock: Send + Sync + 'static {
    /// The time of day. Somebody may set it, so it says when, never for how long.
    fn now(&self) -> Timestamp;

    /// Time since a fixed point of this boot of the machine, the same for all its processes. Nobody can set it, and it goes
    /// on while the machine sleeps.
    fn steady(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn steady(&self) -> Duration {
        let since_boot = clock_gettime(ClockId::Boottime);
        // A clock that begins at zero with the boot is never before it.
        Duration::try_from(since_boot).unwrap_or_default()
    }
}
