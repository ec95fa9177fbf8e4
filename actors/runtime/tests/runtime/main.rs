//! The actors, on the log and the machine in memory. Time is tokio's and paused, so a wait costs nothing.

mod life;
mod world;
