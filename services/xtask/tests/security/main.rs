//! Security tests, `cargo xtask test security`: what an attacker would try, on real VMs and a real nats-server.
//!
//! One module per threat. Each starts the whole of Roost as the end-to-end tests do, by their harness, and fails as well
//! when something is left behind.

#[path = "../e2e/harness.rs"]
mod harness;

mod escape;
mod exhaustion;
mod floods;
mod keys;
mod nats;
mod network;
mod seen;
mod syscalls;
mod tenancy;
mod webhooks;
