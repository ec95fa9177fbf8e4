//! How many streams are open: so many at all, and so many of one tenant, that none takes the others' place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::gauge;
use roost_schemas::TenantId;

use crate::error::{ApiError, Code};

/// See the module.
#[derive(Debug)]
pub(crate) struct Seats {
    bound: usize,
    each: usize,
    /// The figure that says how many are taken.
    figure: &'static str,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<TenantId, usize>,
}

/// The right to one stream, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Seat {
    tenant: TenantId,
    figure: &'static str,
    taken: Arc<Mutex<Taken>>,
}

impl Seats {
    /// So many streams, and so many of each tenant; told by `figure`.
    pub(crate) fn new(bound: usize, each: usize, figure: &'static str) -> Self {
        Self {
            bound,
            each,
            figure,
            taken: Arc::default(),
        }
    }

    /// One for `tenant`.
    pub(crate) fn claim(&self, tenant: &TenantId) -> Result<Seat, ApiError> {
        let mut taken = locked(&self.taken);
        let own = taken.of.get(tenant).copied().unwrap_or(0);
        if taken.all >= self.bound {
            let message = format!(
                "{} event streams are open, which is all this gateway has",
                self.bound
            );
            return Err(ApiError::new(Code::NoCapacity, message));
        }
        if own >= self.each {
            let message = format!(
                "{own} event streams of tenant {tenant} are open, which is all it may have here: close one"
            );
            return Err(ApiError::new(Code::LimitExceeded, message));
        }
        taken.all += 1;
        *taken.of.entry(tenant.clone()).or_default() += 1;
        gauge!(self.figure).increment(1.0);
        Ok(Seat {
            tenant: tenant.clone(),
            figure: self.figure,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        taken.all -= 1;
        gauge!(self.figure).decrement(1.0);
        if let Some(own) = taken.of.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.of.remove(&self.tenant);
            }
        }
    }
}

fn locked(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_leaves_room_for_others() {
        let seats = Seats::new(3, 2, "test");
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let first = seats.claim(&a).unwrap();
        let _second = seats.claim(&a).unwrap();
        assert_eq!(seats.claim(&a).unwrap_err().code, Code::LimitExceeded);
        let _third = seats.claim(&b).unwrap();
        assert_eq!(seats.claim(&b).unwrap_err().code, Code::NoCapacity);
        drop(first);
        seats.claim(&a).unwrap();
        assert_eq!(locked(&seats.taken).of.len(), 2);
    }
}
