//! A token bucket that is told the time.

use roost_engine::api::TokenBucket;
use std::time::Instant;

/// Tokens are bytes.
#[derive(Debug)]
pub(super) struct Bucket {
    size: u64,
    refill_ms: u64,
    tokens: u64,
    filled_at: Option<Instant>,
}

impl Bucket {
    /// A full bucket. One that never refills holds what it holds.
    pub(super) fn full(limits: TokenBucket, now: Instant) -> Self {
        let tokens = limits.size.saturating_add(limits.one_time_burst.unwrap_or(0));
        Self {
            size: limits.size,
            refill_ms: limits.refill_time,
            tokens,
            filled_at: Some(now),
        }
    }

    /// A bucket that stays empty.
    pub(super) fn empty() -> Self {
        Self {
            size: 0,
            refill_ms: 0,
            tokens: 0,
            filled_at: None,
        }
    }

    /// How many of `wanted` bytes may pass now.
    pub(super) fn take(&mut self, wanted: usize, now: Instant) -> usize {
        self.refill(now);
        let granted = usize::try_from(self.tokens).unwrap_or(usize::MAX).min(wanted);
        self.tokens -= granted as u64;
        granted
    }

    fn refill(&mut self, now: Instant) {
        let Some(filled_at) = self
            .filled_at
            .filter(|_| self.refill_ms > 0 && self.tokens < self.size)
        else {
            return;
        };
        let elapsed_ms = now.saturating_duration_since(filled_at).as_millis();
        let earned = u128::from(self.size) * elapsed_ms / u128::from(self.refill_ms);
        // Fractions of a token stay earned: the clock moves on only when something was added.
        if earned > 0 {
            self.tokens = self.size.min(
                self.tokens
                    .saturating_add(u64::try_from(earned).unwrap_or(u64::MAX)),
            );
            self.filled_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limits(size: u64, refill_time: u64) -> TokenBucket {
        TokenBucket {
            size,
            one_time_burst: None,
            refill_time,
        }
    }

    #[test]
    fn beyond_the_budget_nothing_passes() {
        let now = Instant::now();
        let mut bucket = Bucket::full(limits(100, 0), now);
        assert_eq!(bucket.take(60, now), 60);
        assert_eq!(bucket.take(60, now), 40);
        assert_eq!(bucket.take(60, now + Duration::from_hours(1)), 0);
    }

    #[test]
    fn time_refills_up_to_the_size() {
        let now = Instant::now();
        let mut bucket = Bucket::full(limits(100, 1000), now);
        assert_eq!(bucket.take(100, now), 100);
        assert_eq!(bucket.take(100, now + Duration::from_millis(500)), 50);
        assert_eq!(bucket.take(1000, now + Duration::from_mins(1)), 100);
    }

    #[test]
    fn a_burst_is_spent_once() {
        let now = Instant::now();
        let mut bucket = Bucket::full(
            TokenBucket {
                one_time_burst: Some(50),
                ..limits(100, 1000)
            },
            now,
        );
        assert_eq!(bucket.take(1000, now), 150);
        assert_eq!(bucket.take(1000, now + Duration::from_mins(1)), 100);
    }
}
