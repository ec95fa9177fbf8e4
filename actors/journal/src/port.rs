//! What the rest of Roost needs of a log; each port is implemented by JetStream and in memory.

mod feed;
mod journal;
mod leases;
mod output;
mod queue;

pub use feed::{Feed, FeedId, Feeds, Handed, MAX_HANDED, Ticket};
pub use journal::{Append, Foreign, Journal, JournalError, Page, Record, Records};
pub use leases::{Found, LeaseError, Leases, Version, Written};
pub use output::{OutputError, OutputFrames, OutputLog};
pub use queue::{Deliveries, Delivery, MAX_WAITING, Message, Queue, QueueError, Settle, max_taken};
