//! An aggregate together with what the log adds to it: where it stands, and which commands it has seen.

use std::collections::VecDeque;

use roost_schemas::command::Envelope;
use roost_schemas::commit::Commit;
use roost_schemas::{CommandId, Sequence, Timestamp};

use crate::bugs::{self, Bug};
use crate::{Aggregate, Rejection};

/// Command ids an aggregate remembers, besides the one that made it. The server's own window is minutes long; this
/// one is as long as the last commits.
const REMEMBERED: usize = 256;

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
    first: Option<(CommandId, Sequence)>,
    recent: VecDeque<(CommandId, Sequence)>,
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<E> {
    /// To be appended after [`Folded::sequence`].
    Commit(Commit<E>),
    /// The command took effect before, at this sequence.
    Done(Sequence),
    /// Nothing needs to happen: what it asks for is so, as of this sequence.
    Nothing(Sequence),
}

impl<A: Aggregate> Default for Folded<A> {
    fn default() -> Self {
        Self {
            state: A::default(),
            sequence: Sequence::default(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            first: None,
            recent: VecDeque::new(),
        }
    }
}

impl<A: Aggregate> Folded<A> {
    /// Decides `command`, unless its id says that this has been done.
    pub fn decide(&self, command: &Envelope<A::Command>) -> Result<Decision<A::Event>, Rejection> {
        if let Some(sequence) = self.seen(&command.command_id) {
            return Ok(Decision::Done(sequence));
        }
        let events = self.state.decide(command)?;
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

    /// Folds in the commit at `sequence`; one that is already in changes nothing.
    pub fn apply(&mut self, sequence: Sequence, commit: &Commit<A::Event>) {
        if sequence <= self.sequence {
            return;
        }
        for event in &commit.events {
            self.state.evolve(event);
        }
        if self.first.is_none() {
            self.first = Some((commit.command_id.clone(), sequence));
            self.created_at = commit.at;
        } else {
            if self.recent.len() == REMEMBERED {
                self.recent.pop_front();
            }
            self.recent.push_back((commit.command_id.clone(), sequence));
        }
        self.sequence = sequence;
        self.updated_at = commit.at;
    }

    fn seen(&self, id: &CommandId) -> Option<Sequence> {
        if bugs::has(Bug::ForgetDedupe) {
            return None;
        }
        self.first
            .iter()
            .chain(self.recent.iter().rev())
            .find(|(seen, _)| seen == id)
            .map(|(_, at)| *at)
    }
}
