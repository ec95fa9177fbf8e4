//! What holds for a sandbox after any sequence of commands, and for its state after any sequence of events.

mod any_events;
mod asked;
mod changes;
mod exactly_once;
mod host_down;
mod life;
mod pauses;
mod processes;
mod references;
mod snapshots;
