//! The actors, on the log and the machine in memory. Time is tokio's and paused, so a wait costs nothing.

mod boot;
mod kill;
mod life;
mod loss;
mod once;
mod panics;
mod rejections;
mod release;
mod restart;
mod world;
