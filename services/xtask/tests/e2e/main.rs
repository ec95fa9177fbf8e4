//! End-to-end tests: each starts the whole of Roost on temporary state, as `cargo xtask up` does, and afterwards looks
//! for anything left behind.

mod api;
mod audit;
mod bad_input;
mod command_line;
mod crowds;
mod events;
mod faults;
mod files;
mod harness;
mod hostile;
mod install;
mod leases;
mod log;
mod nats;
mod network;
mod output;
mod ports;
mod restart;
mod roost;
mod rounds;
mod schemathesis;
mod sdk;
mod snapshots;
mod socket;
mod stream;
mod telemetry;
mod tenants;
mod webhooks;
