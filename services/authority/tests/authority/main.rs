//! Credentials on a real nats-server: what each role needs works, and what it must not do is denied.

mod away;
mod course;
mod folder;
mod hosts;
mod roles;
mod tenants;
mod tls;
mod world;
