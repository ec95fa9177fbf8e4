//! So many at once, then one at a time: the pace of what an untrusted guest may have done.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A bucket that is full at first, kept as the moment at which it is full again.
#[derive(Debug)]
pub(super) struct Pace {
    full: Instant,
    each: Duration,
    size: Duration,
}

impl Pace {
    /// `at_once` without a wait, then one `each`.
    pub(super) fn new((at_once, each): (u32, Duration)) -> Self {
        Self {
            full: Instant::now(),
            each,
            size: each * at_once,
        }
    }

    /// Waits for the next one's turn.
    pub(super) async fn take(&mut self) {
        self.full = self.full.max(Instant::now()) + self.each;
        if let Some(turn) = self.full.checked_sub(self.size) {
            sleep_until(turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_through_and_the_rest_waits_its_turn() {
        let mut pace = Pace::new((4, Duration::from_secs(1)));
        let began = Instant::now();
        for seconds in [0, 0, 0, 0, 1, 2, 3] {
            pace.take().await;
            assert_eq!(began.elapsed().as_secs(), seconds);
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
        let rested = Instant::now();
        for _ in 0..4 {
            pace.take().await;
        }
        assert_eq!(
            rested.elapsed(),
            Duration::ZERO,
            "and no more than a bucket is saved"
        );
        pace.take().await;
        assert_eq!(rested.elapsed(), Duration::from_secs(1));
    }
}
