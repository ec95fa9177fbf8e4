//! The shape of everything that is folded from a subject of the log.

use roost_schemas::command::Envelope;
use roost_schemas::event::Payload;

use crate::Rejection;

/// A decider: state, what may be asked of it, what has happened to it.
pub trait Aggregate: Default + Clone + Send + Sync + 'static {
    /// What may be asked.
    type Command: Send + Sync;
    /// What may have happened.
    type Event: Payload;

    /// What follows from `command` in this state. Nothing follows from asking for what is already so.
    fn decide(&self, command: &Envelope<Self::Command>) -> Result<Vec<Self::Event>, Rejection>;

    /// What is put on record for a client's command that asked for what is so already, if that may come to be otherwise.
    fn confirm(&self, _command: &Self::Command) -> Option<Self::Event> {
        None
    }

    /// Where it stands, in the word that answers give.
    fn standing(&self) -> &'static str;

    /// The state after `event`. It cannot fail: what was decided has happened.
    fn evolve(&mut self, event: &Self::Event);
}
