//! How many requests a tenant may send to this gateway in a second: those with its keys, and reads of its programs over NATS.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use roost_domain::rate;
use roost_schemas::reply::Rejected;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::Gateway;

/// What tenants have sent of late.
#[derive(Debug)]
pub(crate) struct Rates {
    began: Instant,
    sent: Mutex<rate::Rates>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            sent: Mutex::default(),
        }
    }
}

impl Gateway {
    /// Lets a request of `caller` pass if its tenant has not had too many in this second. The operator, who sets the
    /// limits, has none.
    pub(crate) fn pace(&self, caller: &Caller) -> Result<(), ApiError> {
        if caller.is_operator() {
            return Ok(());
        }
        let limit = self.fleet().read(|fleet| fleet.requests_per_sec(&caller.tenant));
        let Some(limit) = limit else {
            return Ok(());
        };
        let Rates { began, sent } = self.rates();
        // Nothing in there panics half-way.
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = sent.admit(&caller.tenant, limit, began.elapsed());
        Ok(admitted.map_err(Rejected::from)?)
    }
}
