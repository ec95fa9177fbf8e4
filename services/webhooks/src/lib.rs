//! Webhooks: tells tenants what happens to their sandboxes, in order, until they have heard it.
//!
//! ```text
//!   EVENTS ──▶ fleet ──▶ keeper ── one for each webhook ──▶ teller ──▶ post ──▶ the tenant's target
//!      └────── feed (a durable consumer for each webhook) ────▲ │
//!      ▲                                                        │ given up, redelivered
//!      └────────────────────────────────────────────────────────┘
//! ```
//!
//! A commit leaves its feed when its target has taken it, or when it is on record that it was put aside. So it is told at
//! least once, whatever dies meanwhile, and tells by its id that it comes again. Commits of one sandbox are told one after
//! the other; those of different sandboxes wait for nobody.

mod keeper;
mod lanes;
mod message;
mod pace;
mod post;
mod record;
mod teller;

pub use keeper::Keeper;
pub use pace::Pace;
pub use post::{Failure, HttpPost, Post, Posting};
