//! `roost log` as a process, against real nats-servers.

mod checkpoints;
mod damage;
mod moves;
mod world;
