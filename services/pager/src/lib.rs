//! Serves the page faults of one VM from a snapshot, as a process of its own that outlives the host agent.

pub mod control;
