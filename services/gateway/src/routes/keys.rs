//! The keys with which a tenant's people and programs act for it.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;

use crate::error::ApiError;
use crate::extract::{Pairs, unknown};
use crate::state::Gateway;

/// The gateway as it is seen by whom the query names: `?tenant=`, or the caller itself.
fn acting(gateway: &Gateway, Pairs(pairs): Pairs) -> Result<Gateway, ApiError> {
    let mut tenant = None;
    for (name, value) in pairs {
        match name.as_str() {
            "tenant" => tenant = Some(value),
            _ => return Err(unknown(&name, "tenant")),
        }
    }
    gateway.acting_for(tenant.as_deref())
}
