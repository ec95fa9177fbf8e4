//! What goes over E2B's routes: one file per thing.

pub(super) mod absent;
pub(super) mod created;
pub(super) mod detail;
pub(super) mod metric;
pub(super) mod network;
pub(super) mod new;
pub(super) mod template;
