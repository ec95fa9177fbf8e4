//! Forwarding an HTTP/1.1 request: bodies stream both ways, and an upgraded connection becomes a tunnel.
//!
//! ```text
//!   request ─▶ Exchange::new ─▶ headers_mut ─▶ Proxy::forward ─┬─▶ response, its body streaming
//!              checks, and takes  the caller's   pool, bounds    └─▶ 101, and a tunnel until either side ends it
//!              hop-by-hop off     own changes
//! ```
//!
//! Nothing is buffered beyond a connection's own window: a side that stops reading stops the other from sending. A
//! side that goes away takes the other with it. What is held for an exchange, and what may end it early, is its [`Lease`].

mod body;
mod error;
mod exchange;
mod expect;
mod forward;
mod headers;
mod lease;
mod tunnel;
mod unread;

pub use body::{Body, BoxError, boxed, empty};
pub use error::{ForwardError, Unfit};
pub use exchange::Exchange;
pub use forward::{MAX_HEAD, MAX_HEADERS, Pool, Proxy};
pub use lease::Lease;
pub use unread::{Unread, lend};
