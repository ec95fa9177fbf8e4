//! The project's own tool: sets a machine up, builds, runs the whole of Roost, tests and measures it.
//!
//! ```text
//!   main ── cli ─┬─ setup      what the machine lacks: packages, nats-server
//!                ├─ build      our daemons
//!                ├─ images     kernel, initramfs and templates
//!                ├─ demo, up ──── stack ──── supervise    five processes, kept alive, taken down in order
//!                ├─ testing    static checks, tests, fuzzing, end-to-end tests, leak check
//!                ├─ chaos      real sandboxes while everything is killed at random
//!                ├─ sim        the domain and the runtime in seeded worlds where everything fails
//!                ├─ fuzz       arbitrary input for the guest's agent
//!                └─ bench      the figures that DESIGN.md promises
//! ```
//!
//! It is a library as well, so that the end-to-end tests start their stack by the same code as `up` does.

pub mod bench;
pub mod build;
pub mod chance;
pub mod chaos;
pub mod cli;
pub mod demo;
pub mod fuzz;
pub mod images;
pub mod leaks;
pub mod nats;
pub mod prepare;
pub mod repository;
pub mod setup;
pub mod sim;
pub mod target;
pub mod testing;
pub mod ui;
pub mod up;

pub use roost_client as client;
pub use roost_stack::{self as stack, places, process, supervise};

/// The tenant to whom all sandboxes belong as long as there is one API key.
pub const TENANT: &str = "default";
