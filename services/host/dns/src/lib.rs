//! Answers a guest's questions for names: one forwarder per slot, between the guest and this machine's resolver.
//!
//! ```text
//!             refused, or known without asking
//!           ┌──────────────────────────────────────────────────────────────┐
//!  guest ─▶ judge ─▶ upstream ─▶ settle ─▶ gate admits the addresses ─▶ answer ─▶ guest
//!  UDP, TCP  may it   this        only what was asked for,
//!            ask?     machine's   no address that is out of reach,
//!                     resolver    times bounded
//! ```
//!
//! A guest never speaks to the resolver: what it sends is read, and asked anew; what comes back is read, and told anew.
//! An answer is told only when the packet filter lets its addresses through, so that a name that a policy allows can be
//! reached as soon as it is known. Addresses that guests must not reach are left out of every answer, whatever the name:
//! a name that points at a private network today, and pointed elsewhere yesterday, has no address at all.
//!
//! Nothing is cached here: that is the resolver's work, and its times are what counts.

mod answer;
mod forwarder;
mod gate;
mod question;
mod serve;
mod upstream;

pub use answer::{LONGEST_LIFE, MOST_ADDRESSES, SHORTEST_LIFE};
pub use forwarder::Forwarder;
pub use gate::{Closed, Gate};
pub use serve::{Sockets, serve};
