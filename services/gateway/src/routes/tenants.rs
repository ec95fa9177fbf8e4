//! Tenants: the operator makes them and says how much each may have.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod limits;
pub(crate) mod list;
