//! Programs that run, as their sandbox's agent has them.

pub(crate) mod list;
pub(crate) mod signal;
pub(crate) mod stdin;
