//! How often, and how long, a commit is tried.

use std::time::Duration;

/// How much of a pause is left to chance, in percent: targets that failed together are not tried together.
const JITTER: u64 = 20;
/// The longest pause that a target can ask for.
const MOST_ASKED: Duration = Duration::from_hours(1);

/// Pauses double from the first to the longest, until patience ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The pause after the first try.
    pub first: Duration,
    /// The longest one.
    pub longest: Duration,
    /// How long a commit is tried before it is put aside, from its first try by this process.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_mins(5),
            patience: Duration::from_hours(8),
        }
    }
}

impl Pace {
    /// The pause after the `tries`-th try in a row that failed, counted from 1.
    pub(crate) fn pause(&self, tries: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << tries.saturating_sub(1).min(20));
        let pause = doubled.min(self.longest);
        let chance = u32::try_from(100 - fastrand::u64(0..=JITTER)).unwrap_or(100);
        pause * chance / 100
    }

    /// For how long a target is left alone that has asked for that much.
    pub(crate) fn granted(&self, asked: Duration) -> Duration {
        asked.min(MOST_ASKED).min(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_never_overflow() {
        let pace = Pace::default();
        let within = |pause: Duration, most: Duration| pause <= most && pause >= most * 80 / 100;
        assert!(within(pace.pause(1), pace.first));
        assert!(within(pace.pause(4), pace.first * 8));
        for tries in [10, 100, u32::MAX] {
            assert!(within(pace.pause(tries), pace.longest), "{tries}");
        }
    }

    #[test]
    fn nobody_is_left_alone_for_as_long_as_they_like() {
        let pace = Pace::default();
        let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
        assert_eq!(
            (pace.granted(minute), pace.granted(Duration::MAX)),
            (minute, hour)
        );
        let hasty = Pace {
            patience: Duration::from_secs(3),
            ..pace
        };
        assert_eq!(hasty.granted(minute), hasty.patience);
    }
}
