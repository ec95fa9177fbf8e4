//! `roost log` as a process, against real nats-servers.

mod checkpoints;
mod damage;
mod gateways;
mod moves;
mod world;
