//! What the router and the hosts alike do with a command from the queue, before and after it is decided.

use roost_domain::Rejection;
use roost_journal::port::{Delivery, Message, Queue, QueueError};
use roost_schemas::command::{Envelope, SandboxCommand};
use roost_schemas::reply::Reply;

use crate::port::Clock;

/// Reads the command, and refuses one under an id that no client may give.
pub(crate) fn open(message: &Message) -> Result<SandboxCommand, Rejection> {
    if message.command_id.is_report() {
        return Err(Rejection::ReservedId(message.command_id.clone()));
    }
    Ok(SandboxCommand::decode(message.content, &message.body)?)
}

/// `command` with what its delivery adds.
pub(crate) fn envelope<C>(delivery: &Delivery, command: C) -> Envelope<C> {
    Envelope {
        command_id: delivery.message.command_id.clone(),
        at: delivery.queued_at,
        principal: delivery.message.principal.clone(),
        command,
    }
}

/// Refuses what comes too late to be begun. What was begun in time is not late when it is delivered again: to be asked
/// only of a command whose aggregate does not know it.
pub(crate) fn in_time(message: &Message, clock: &dyn Clock) -> Result<(), Rejection> {
    let late = message
        .deadline
        .map_or_else(Default::default, |deadline| clock.now().since(deadline));
    if late.is_zero() {
        return Ok(());
    }
    Err(Rejection::DeadlinePassed {
        late_ms: u64::try_from(late.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Answers a command that is decided, and takes it off the queue.
///
/// What was accepted stands in the log: if it is delivered again it has the same answer. A rejection stands nowhere, and
/// the command might be accepted the next time, so it is told only when there is none. A rejection that gets lost leaves
/// its sender as wise as a command that got lost.
pub(crate) async fn conclude(queue: &dyn Queue, delivery: Delivery, reply: &Reply) -> Result<(), QueueError> {
    let Delivery { message, settle, .. } = delivery;
    match reply {
        Reply::Accepted(_) => {
            tell(queue, &message, reply).await;
            settle.done().await
        }
        Reply::Rejected(_) => {
            settle.done().await?;
            tell(queue, &message, reply).await;
            Ok(())
        }
    }
}

async fn tell(queue: &dyn Queue, message: &Message, reply: &Reply) {
    if let Err(error) = queue.answer(message, reply).await {
        tracing::warn!(command = %message.command_id, %error, "could not answer");
    }
}
