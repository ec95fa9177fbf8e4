//! The command queue: durable, at least once, one consumer group per route.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use roost_schemas::command::ContentType;
use roost_schemas::commit::Principal;
use roost_schemas::reply::Reply;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::trace::TraceParent;
use roost_schemas::{CommandId, Timestamp};

/// Commands that may wait for one sandbox on one route, so that one cannot fill the queue for all.
pub const MAX_WAITING: usize = 1024;

/// Commands of `route` that are worked on at once, by all its takers together. The router takes one after the other; a host
/// has many actors, and one that is stuck is not to hold up the others.
pub const fn max_taken(route: &Route) -> usize {
    match route {
        Route::Any | Route::Client => 256,
        Route::Host(_) => 1024,
    }
}

/// A command on its way in.
#[derive(Debug, Clone)]
pub struct Message {
    /// Makes it take effect exactly once.
    pub command_id: CommandId,
    /// Who sends it.
    pub principal: Principal,
    /// After this it is rejected, never run.
    pub deadline: Option<Timestamp>,
    /// Where the answer goes; [`Queue::request`] fills it in.
    pub reply: Option<String>,
    /// The span that it was sent from.
    pub trace: Option<TraceParent>,
    /// How the body is written.
    pub content: ContentType,
    /// The encoded [`roost_schemas::command::SandboxCommand`].
    pub body: Bytes,
}

/// A command as a consumer gets it, maybe not for the first time.
#[derive(Debug)]
pub struct Delivery {
    /// Where it waited.
    pub subject: CommandSubject,
    /// When the queue stored it: the command's time, the same at every delivery.
    pub queued_at: Timestamp,
    /// Whether it was delivered before.
    pub again: bool,
    /// The command. One published by hand without an id has one made from its stream sequence.
    pub message: Message,
    /// Its settlement; dropping it unsettled means delivery again.
    pub settle: Box<dyn Settle>,
}

/// The consumer's answer to the queue.
#[async_trait]
pub trait Settle: Send + Sync + std::fmt::Debug {
    /// The command is done with, for good; waits until the queue knows.
    async fn done(self: Box<Self>) -> Result<(), QueueError>;
    /// Work goes on; the queue should not deliver again yet.
    async fn progress(&self) -> Result<(), QueueError>;
    /// Deliver it again after this long.
    async fn later(self: Box<Self>, after: Duration) -> Result<(), QueueError>;
}

/// Commands in the order they were queued per route. It does not end; an error item is to be logged, not obeyed.
pub type Deliveries = BoxStream<'static, Result<Delivery, QueueError>>;

/// The command queue.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Stores a command; returns once it is durable. The same command on the same route with the same reply inbox is
    /// stored once within the server's window; forwarded, or asked for anew, it is stored again.
    async fn publish(&self, subject: &CommandSubject, message: &Message) -> Result<(), QueueError>;

    /// Stores a command and waits for its answer, at most `patience`. What arrives in its inbox and is no answer is passed
    /// over: anybody may write there.
    async fn request(
        &self,
        subject: &CommandSubject,
        message: Message,
        patience: Duration,
    ) -> Result<Reply, QueueError>;

    /// Takes the commands of `route`; several takers of one route share them. What is malformed beyond its body
    /// (a bad id, deadline or content type) is answered with a rejection and never delivered.
    ///
    /// A host takes its own alone: what it was given before, as in a life that ended, and has not settled, it is given
    /// again at once.
    async fn consume(&self, route: &Route) -> Result<Deliveries, QueueError>;

    /// Answers the command that `message` is; does nothing if nobody asked for an answer.
    async fn answer(&self, message: &Message, reply: &Reply) -> Result<(), QueueError>;
}

/// Why the queue did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It could not be reached in time. The command may or may not be stored; sending it again under its id is safe.
    #[error(
        "the command queue did not {action} within its time: {detail}; check that nats-server runs, then try again"
    )]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// What was seen.
        detail: String,
    },
    /// Too much is waiting already, in the queue or on its way there; worth trying again when others have been served.
    #[error("the command queue is full: {detail}; try again later")]
    Full {
        /// What is full.
        detail: String,
    },
    /// The queue will not take this command, however often it is tried.
    #[error("the command queue refuses command {command_id}: {detail}")]
    Refused {
        /// The command.
        command_id: CommandId,
        /// Why.
        detail: String,
    },
    /// The command is stored, but no answer came in time; its effect shows in the log.
    #[error(
        "command {command_id} is queued, but was not answered within {waited:?}; its events will tell, or send it again under its id"
    )]
    NoAnswer {
        /// The command.
        command_id: CommandId,
        /// How long it was waited for.
        waited: Duration,
    },
}
