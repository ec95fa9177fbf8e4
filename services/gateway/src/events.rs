//! Event streams: what happens, told to many readers as it happens, and from any place in the log on.
//!
//! ```text
//!   EVENTS ──follow──▶ hub ──▶ lane of a tenant ──▶ source ──▶ WebSocket
//!      │                       (the last some MiB,     ▲  └───▶ server-sent events
//!      └──────pages─────────────────────────────────────┘
//!                           until it is where the lane begins
//! ```
//!
//! A commit is made into frames once, and the same bytes are written to all who read it. A source reads pages of the log at
//! its reader's pace until it stands where its lane begins, and follows the lane from there on: nothing is missing and
//! nothing comes twice. A reader that falls out of its lane is told where it stood, and closed; it may come again with
//! that place. Pages over HTTP and NATS are made of the same frames.
//!
//! | figure | |
//! |---|---|
//! | `roost_event_streams`, `roost_event_reads` | streams that are open; reads over NATS under way |
//! | `roost_event_streams_ended_total` | streams that ended, by `reason`: a word of `docs/events.md`, or `gone` |

mod ask;
mod batch;
mod end;
mod frame;
mod hub;
mod lane;
mod page;
mod pick;
mod place;
mod seats;
mod service;
mod socket;
mod source;
mod sse;

pub(crate) use ask::Asked;
pub(crate) use batch::Form;
pub(crate) use hub::{Hub, Room, Whose};
pub(crate) use page::{EventPage, page};
pub(crate) use place::Place;
pub(crate) use seats::Seats;
pub use service::answer_reads;
pub(crate) use socket::upgrade;
pub(crate) use source::Source;
pub(crate) use sse::stream;
