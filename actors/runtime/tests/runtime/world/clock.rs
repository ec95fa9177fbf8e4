//! A time of day that goes with tokio's, which a test pauses, and that panics where it is told to.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use roost_runtime::port::Clock;
use roost_schemas::Timestamp;
use tokio::time::Instant;

/// When every world begins.
const EPOCH: u64 = 1_800_000_000_000;

pub(crate) struct TestClock {
    start: Instant,
    /// How far its time of day is off, in milliseconds.
    off_ms: AtomicI64,
    panics: AtomicU32,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            off_ms: AtomicI64::new(0),
            panics: AtomicU32::new(0),
        }
    }

    /// Sets the time of day forward, or back.
    pub(crate) fn set(&self, by_ms: i64) {
        self.off_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Lets the next `times` looks at this clock panic.
    pub(crate) fn panic(&self, times: u32) {
        self.panics.store(times, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let due = |left: u32| left.checked_sub(1);
        assert!(
            self.panics
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, due)
                .is_err(),
            "the clock was told to panic"
        );
        let Timestamp(now) = Timestamp(EPOCH).plus(self.start.elapsed());
        Timestamp(now.saturating_add_signed(self.off_ms.load(Ordering::SeqCst)))
    }

    fn steady(&self) -> Duration {
        self.start.elapsed()
    }
}
