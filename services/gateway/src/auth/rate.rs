//! How many requests a tenant's keys may send to this gateway in a second.
//!
//! ```text
//!   due ──────────────▶ time        Each request moves `due` on by 1 s ÷ limit, from now if it lies behind.
//!      now ├── 1 s ──┤              One that would move it further than a second ahead is refused.
//! ```
//!
//! So a second's worth may come at once, and never more than that in any second beyond what the limit lets through.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use roost_schemas::TenantId;

use crate::caller::Caller;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// How far ahead requests may run.
const BURST: Duration = Duration::from_secs(1);

/// Until when each tenant has used up its right, of those that have a limit.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<TenantId, Instant>>);

impl Rates {
    /// Whether `tenant` may send one more at `now`, being allowed `limit` in a second.
    fn admits(&self, tenant: &TenantId, limit: u32, now: Instant) -> bool {
        let Some(each) = BURST.checked_div(limit) else {
            return false;
        };
        // Nothing in here panics half-way.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = all.get(tenant).map_or(now, |due| (*due).max(now)) + each;
        if due > now + BURST {
            return false;
        }
        if let Some(known) = all.get_mut(tenant) {
            *known = due;
        } else {
            // Those that are behind the time say nothing, so only tenants that are busy now are held.
            all.retain(|_, due| *due > now);
            all.insert(tenant.clone(), due);
        }
        true
    }
}

impl Gateway {
    /// Lets a request of `caller` pass if its tenant has not had too many in this second. The operator, who sets the
    /// limits, has none.
    pub(crate) fn pace(&self, caller: &Caller) -> Result<(), ApiError> {
        if caller.is_operator() {
            return Ok(());
        }
        let limit = self.fleet().read(|fleet| {
            let limits = fleet.tenant(&caller.tenant)?.state.limits?;
            limits.requests_per_sec
        });
        let Some(limit) = limit else {
            return Ok(());
        };
        if self.rates().admits(&caller.tenant, limit, Instant::now()) {
            return Ok(());
        }
        let message = format!(
            "the tenant's limit of requests_per_sec is {limit}, and this gateway has had as many: send fewer, or have the \
             limit raised"
        );
        Err(ApiError::new(Code::LimitExceeded, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_may_come_at_once_and_then_as_many_as_time_lets_through() {
        let (rates, tenant) = (Rates::default(), TenantId::first());
        let start = Instant::now();
        let burst = (0..10).filter(|_| rates.admits(&tenant, 4, start)).count();
        assert_eq!(burst, 4);
        let at = |ms| start + Duration::from_millis(ms);
        assert!(!rates.admits(&tenant, 4, at(249)));
        assert!(rates.admits(&tenant, 4, at(250)));
        assert!(!rates.admits(&tenant, 4, at(251)));
        let other = TenantId::new("other").unwrap();
        assert!(rates.admits(&other, 4, at(251)), "each for itself");
        let later = (0..10).filter(|_| rates.admits(&tenant, 4, at(60_000))).count();
        assert_eq!(later, 4, "rest is not saved up");
    }

    #[test]
    fn none_is_let_through_where_none_is_allowed() {
        assert!(!Rates::default().admits(&TenantId::first(), 0, Instant::now()));
    }
}
