//! The time of day, which a simulator replaces.

use roost_schemas::Timestamp;

/// Tells the time that commands are stamped with. Durations are tokio's, which can be paused.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
