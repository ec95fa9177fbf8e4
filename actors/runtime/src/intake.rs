//! What the router and the hosts alike ask of a command from the queue.

use roost_domain::Rejection;
use roost_journal::port::Message;
use roost_schemas::command::SandboxCommand;

use crate::port::Clock;

/// Reads the command, and refuses one under an id that no client may give.
pub(crate) fn open(message: &Message) -> Result<SandboxCommand, Rejection> {
    if message.command_id.is_report() {
        return Err(Rejection::ReservedId(message.command_id.clone()));
    }
    Ok(SandboxCommand::decode(message.content, &message.body)?)
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
