//! What the time of day may have been a moment ago, for a clock that somebody sets.

use std::time::Duration;

use roost_schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a time of day counts after it was last seen: in that time whatever was written by it has been read.
const MEMORY: Duration = Duration::from_mins(1);
/// By how many milliseconds a time of day goes astray without having been set.
const SLACK: i64 = 1_000;

/// The times of day that were seen, each as the moment at which the steady clock was at zero.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Days(Vec<Day>);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Day {
    /// In milliseconds since 1970.
    zero: i64,
    /// When it was last seen, by the steady clock.
    seen: Duration,
}

impl Days {
    /// Goes on at `steady`: how it was when nobody looked, nobody knows.
    pub(super) fn wake(&mut self, steady: Duration) {
        for day in &mut self.0 {
            day.seen = steady;
        }
    }

    /// Takes in what the time of day is at `steady`; whether somebody has set it.
    pub(super) fn see(&mut self, now: Timestamp, steady: Duration) -> bool {
        let zero = i64::try_from(now.0)
            .unwrap_or(i64::MAX)
            .saturating_sub(millis(steady));
        let last = self.0.pop();
        let goes_on = last.filter(|last| last.zero.abs_diff(zero) <= SLACK.unsigned_abs());
        let was_set = goes_on.is_none();
        if was_set {
            self.0.extend(last);
        }
        self.0.push(Day { zero, seen: steady });
        self.0.retain(|day| day.seen + MEMORY >= steady);
        was_set
    }

    /// The earliest that it may be at `steady` by any of them.
    pub(super) fn earliest(&self, steady: Duration) -> Timestamp {
        let zero = self.0.iter().map(|day| day.zero).min().unwrap_or(i64::MAX);
        let day = zero.saturating_add(millis(steady));
        Timestamp(u64::try_from(day).unwrap_or_default())
    }
}

fn millis(steady: Duration) -> i64 {
    i64::try_from(steady.as_millis()).unwrap_or(i64::MAX)
}
