//! The gateway against a scripted host: every route, every error, over the ports in memory and over a real nats-server.

mod admission;
mod binary;
mod bodies;
mod client;
mod connections;
mod e2b;
mod errors;
mod events;
mod exec;
mod fork;
mod guest;
mod health;
mod host;
mod idempotency;
mod list;
mod moved;
mod nats;
mod openapi;
mod ports;
mod routes;
mod sequence;
mod sleep;
mod snapshots;
mod stream;
mod world;
