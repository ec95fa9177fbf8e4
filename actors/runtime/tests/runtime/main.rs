//! The actors, on the log and the machine in memory. Time is tokio's and paused, so a wait costs nothing.

mod across;
mod audit;
mod boot;
mod boots;
mod collect;
mod faults;
mod kill;
mod life;
mod loss;
mod network;
mod once;
mod output;
mod panics;
mod pause;
mod pause_faults;
mod races;
mod reconciler;
mod rejections;
mod release;
mod restart;
mod resume;
mod router;
mod snapshot;
mod template;
mod world;
