//! Where a tenant is told what happens to its sandboxes, without asking.

pub(crate) mod create;
pub(crate) mod dead_letters;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod redeliver;
pub(crate) mod secret;
