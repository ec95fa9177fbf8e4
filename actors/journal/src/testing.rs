//! Real parts for tests: a nats-server child that dies with its handle, and a wire that can lose what it carries.
//!
//! ```no_run
//! # async fn example() {
//! use roost_journal::testing::NatsServer;
//!
//! let server = NatsServer::start();
//! let log = roost_journal::jetstream::connect(server.options()).await.unwrap();
//! # }
//! ```

mod proxy;
mod server;

pub use proxy::Proxy;
pub use server::{AUTHORITY_CONF, NATS_CONF, NatsServer};
