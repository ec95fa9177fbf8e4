//! Requests through a proxy, between clients and servers that speak plain bytes over loopback.

mod framing;
mod hostile;
mod smuggling;
mod streams;
mod support;
mod upgrade;
