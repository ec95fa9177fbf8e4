//! A client of the gateway's HTTP API.
//!
//! ```text
//!   Api ─┬─ send, send_raw   one exchange, read to its end        Answer
//!        ├─ open             one exchange, its body as it comes   Response
//!        └─ socket           messages in both directions          Socket
//! ```

mod answer;
mod api;
mod base;
mod sandbox;
mod socket;

pub use answer::{Answer, Away, Refused};
pub use api::{Api, Body, PATIENCE, body};
pub use base::{Base, InvalidBase};
pub use sandbox::{Output, Sandbox};
pub use socket::Socket;
