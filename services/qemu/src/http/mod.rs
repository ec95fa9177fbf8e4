//! HTTP/1.1 on the Unix socket: bytes in, [`crate::requests::Request`] out, and back.

mod reply;
mod route;
mod server;
mod socket;

pub use server::serve;
pub use socket::ApiSocket;
