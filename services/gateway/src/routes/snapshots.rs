//! Templates that are made from sandboxes.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
