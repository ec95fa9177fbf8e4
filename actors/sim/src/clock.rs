//! Clocks: each machine has its own, none goes quite right, and the time of day is sometimes set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use roost_runtime::port::Clock;
use roost_schemas::Timestamp;
use tokio::time::Instant;

/// When every world begins, in milliseconds since 1970.
const EPOCH: u64 = 1_800_000_000_000;
/// How much faster or slower than the world's a steady clock may go, in parts of a million: more than a crystal does,
/// less than what it takes to end a sandbox early.
const DRIFT: i64 = 200;

/// One machine's clock.
pub(crate) struct SimClock {
    began: Instant,
    /// How long the machine had been up when the world began.
    origin: Duration,
    drift_ppm: i64,
    /// How far its time of day is off, in milliseconds.
    off_ms: AtomicI64,
}

impl SimClock {
    /// A clock of a machine that has been up for a while.
    pub(crate) fn new(began: Instant, random: &mut fastrand::Rng) -> Self {
        Self {
            began,
            origin: Duration::from_secs(random.u64(0..1_000_000)),
            drift_ppm: random.i64(-DRIFT..=DRIFT),
            off_ms: AtomicI64::new(random.i64(-500..=500)),
        }
    }

    /// The clock that all others are compared with.
    pub(crate) fn exact(began: Instant) -> Self {
        Self {
            began,
            origin: Duration::ZERO,
            drift_ppm: 0,
            off_ms: AtomicI64::new(0),
        }
    }

    /// Sets the time of day forward, or back.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.off_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let true_now = Timestamp(EPOCH).plus(self.began.elapsed());
        Timestamp(
            true_now
                .0
                .saturating_add_signed(self.off_ms.load(Ordering::Relaxed)),
        )
    }

    fn steady(&self) -> Duration {
        let elapsed = self.began.elapsed();
        let drift = elapsed * self.drift_ppm.unsigned_abs().try_into().unwrap_or_default() / 1_000_000;
        let passed = if self.drift_ppm < 0 {
            elapsed.saturating_sub(drift)
        } else {
            elapsed + drift
        };
        self.origin + passed
    }
}
