//! How many requests of a tenant pass in a second, at one door.
//!
//! ```text
//!   due ──────────────▶ time        Each request moves `due` on by 1 s ÷ limit, from now if it lies behind.
//!      now ├── 1 s ──┤              One that would move it further than a second ahead is refused.
//! ```
//!
//! So a second's worth may come at once, and never more than that in any second beyond what the limit lets through.

use std::collections::BTreeMap;
use std::time::Duration;

use roost_schemas::TenantId;

use crate::Rejection;

/// How far ahead requests may run.
const BURST: Duration = Duration::from_secs(1);

/// Until when each tenant has used up its right, of those that have a limit.
#[derive(Debug, Default)]
pub struct Rates(BTreeMap<TenantId, Duration>);

impl Rates {
    /// Lets one more request of `tenant` pass at `now`, or refuses it if there were `limit` in a second already. `now` is what has passed
    /// since a moment that is always the same.
    pub fn admit(&mut self, tenant: &TenantId, limit: u32, now: Duration) -> Result<(), Rejection> {
        let refused = Err(Rejection::TooFast { limit });
        let Some(each) = BURST.checked_div(limit) else {
            return refused;
        };
        let full = now + BURST;
        // Further ahead than a second it lies only if the clock was set back: nobody is to wait until that is made up for.
        let due = self.0.get(tenant).map_or(now, |due| (*due).clamp(now, full));
        if due + each > full {
            self.0.insert(tenant.clone(), due);
            return refused;
        }
        if !self.0.contains_key(tenant) {
            // Those that are behind the time say nothing, so only tenants that are busy now are held.
            self.0.retain(|_, due| *due > now);
        }
        self.0.insert(tenant.clone(), due + each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// How many of `asked` at once pass.
    fn passed(rates: &mut Rates, limit: u32, now: Duration, asked: u32) -> u32 {
        let tenant = TenantId::first();
        let admitted = (0..asked).filter(|_| rates.admit(&tenant, limit, now).is_ok());
        u32::try_from(admitted.count()).unwrap()
    }

    #[test]
    fn a_seconds_worth_may_come_at_once_and_then_as_many_as_time_lets_through() {
        let mut rates = Rates::default();
        assert_eq!(passed(&mut rates, 4, at(5000), 10), 4);
        for (ms, more) in [(5249, 0), (5250, 1), (5251, 0), (5750, 2)] {
            assert_eq!(passed(&mut rates, 4, at(ms), 10), more, "{ms}");
        }
        let other = TenantId::new("other").unwrap();
        assert_eq!(rates.admit(&other, 4, at(5750)), Ok(()), "each for itself");
        assert_eq!(passed(&mut rates, 4, at(60_000), 10), 4, "rest is not saved up");
    }

    #[test]
    fn none_passes_where_none_is_allowed_and_the_limit_is_named() {
        let refused = Rates::default().admit(&TenantId::first(), 0, at(0)).unwrap_err();
        assert_eq!(refused.code(), roost_schemas::reply::Code::LimitExceeded);
        assert!(refused.to_string().contains("requests_per_sec is 0"), "{refused}");
    }

    #[test]
    fn more_than_a_thousand_in_a_second_are_told_apart() {
        let mut rates = Rates::default();
        assert_eq!(passed(&mut rates, 3000, at(0), 9000), 3000);
        assert_eq!(passed(&mut rates, 3000, at(1), 9000), 3);
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let mut rates = Rates::default();
        assert_eq!(passed(&mut rates, 4, at(3_600_000), 10), 4);
        assert_eq!(passed(&mut rates, 4, at(1000), 10), 0);
        assert_eq!(passed(&mut rates, 4, at(1500), 10), 2);
    }

    #[test]
    fn who_is_quiet_is_forgotten() {
        let mut rates = Rates::default();
        for number in 0..100 {
            let tenant = TenantId::new(format!("t{number}")).unwrap();
            rates.admit(&tenant, 1, at(number * 2000)).unwrap();
        }
        assert_eq!(rates.0.len(), 1);
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_twice_the_limit(
            limit in 1_u32..50,
            steps in prop::collection::vec(0_u64..300, 1..300),
        ) {
            let (mut rates, mut now, mut times) = (Rates::default(), 0, Vec::new());
            for step in steps {
                now += step;
                if passed(&mut rates, limit, at(now), 1) == 1 {
                    times.push(now);
                }
            }
            for (index, first) in times.iter().enumerate() {
                let within = times[index..].iter().take_while(|time| **time < first + 1000);
                prop_assert!(within.count() <= 2 * limit as usize);
            }
        }
    }
}
