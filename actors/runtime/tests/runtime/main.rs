//! The actors, on the log and the machine in memory. Time is tokio's and paused, so a wait costs nothing.

mod audit;
mod boot;
mod faults;
mod kill;
mod life;
mod loss;
mod network;
mod once;
mod output;
mod panics;
mod races;
mod reconciler;
mod rejections;
mod release;
mod restart;
mod router;
mod world;
