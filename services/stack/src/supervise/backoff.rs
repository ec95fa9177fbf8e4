//! How long to wait before the next start of a process that died.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// A process that lived this long was healthy; its next death starts a new series.
const HEALTHY: Duration = Duration::from_secs(5);

/// A doubling wait.
#[derive(Debug)]
pub(super) struct Backoff {
    wait: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { wait: SHORTEST }
    }

    /// Takes note of how long the process lived that has just ended.
    pub(super) fn lived(&mut self, age: Duration) {
        if age >= HEALTHY {
            self.wait = SHORTEST;
        }
    }

    /// The wait before the next start.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_a_healthy_life_resets_them() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..9).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        backoff.lived(HEALTHY.saturating_sub(Duration::from_millis(1)));
        assert_eq!(backoff.next(), LONGEST);
        backoff.lived(HEALTHY);
        assert_eq!(backoff.next(), SHORTEST);
    }
}
