//! An aggregate together with what the log adds to it: where it stands, and which commands it has seen.

mod answers;

use roost_schemas::command::Envelope;
use roost_schemas::commit::Commit;
use roost_schemas::{CommandId, Sequence, Timestamp};

use crate::bugs::{self, Bug};
use crate::{Aggregate, Rejection};
pub use answers::Answer;
use answers::Answers;

/// The fold of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded<A> {
    /// The aggregate's own state.
    pub state: A,
    /// The last commit folded in; zero before the first.
    pub sequence: Sequence,
    /// When the first command was issued.
    pub created_at: Timestamp,
    /// When the last one was.
    pub updated_at: Timestamp,
    answers: Answers,
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<E> {
    /// To be appended after [`Folded::sequence`].
    Commit(Commit<E>),
    /// The command took effect before, with this answer.
    Done(Answer),
    /// Nothing needs to happen, now or if it comes again: what it asks for is so, as of this sequence.
    Nothing(Sequence),
}

impl<A: Aggregate> Default for Folded<A> {
    fn default() -> Self {
        Self {
            state: A::default(),
            sequence: Sequence::default(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            answers: Answers::default(),
        }
    }
}

impl<A: Aggregate> Folded<A> {
    /// Decides `command`, unless its id says that this has been done.
    pub fn decide(&self, command: &Envelope<A::Command>) -> Result<Decision<A::Event>, Rejection> {
        if let Some(answer) = self.answered(&command.command_id) {
            return Ok(Decision::Done(answer));
        }
        let mut events = self.state.decide(command)?;
        if events.is_empty() && !command.command_id.is_reserved() {
            // It may not be so any more when the same command comes again, which is to be answered as it is now. What
            // Roost tells itself is told about one state, and asks for nothing in another.
            events.extend(self.state.confirm(&command.command));
        }
        if events.is_empty() {
            return Ok(Decision::Nothing(self.sequence));
        }
        Ok(Decision::Commit(Commit {
            command_id: command.command_id.clone(),
            schema_version: roost_schemas::commit::SCHEMA_VERSION,
            at: command.at,
            principal: command.principal.clone(),
            events,
        }))
    }

    /// How the command of this id was answered, if it took effect, however long ago.
    pub fn answered(&self, id: &CommandId) -> Option<Answer> {
        if bugs::has(Bug::ForgetDedupe) {
            return None;
        }
        self.answers.get(id)
    }

    /// Folds in the commit at `sequence`; one that is already in changes nothing.
    pub fn apply(&mut self, sequence: Sequence, commit: &Commit<A::Event>) {
        if sequence <= self.sequence {
            return;
        }
        for event in &commit.events {
            self.state.evolve(event);
        }
        if self.sequence == Sequence::default() {
            self.created_at = commit.at;
        }
        self.sequence = sequence;
        self.updated_at = commit.at;
        let standing = self.state.standing();
        self.answers
            .note(&commit.command_id, Answer { sequence, standing });
    }
}
