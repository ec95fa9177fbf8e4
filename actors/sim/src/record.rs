//! What clients know: every command that they sent, and every answer that they got.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roost_journal::port::Message;
use roost_schemas::SandboxId;
use roost_schemas::command::SandboxCommand;
use roost_schemas::reply::{Accepted, Rejected};
use roost_schemas::subject::CommandSubject;

/// The record of all clients; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Diary(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    sendings: Vec<Sending>,
    /// Numbers of sendings, in the order of their answers.
    answered: Vec<usize>,
    sandboxes: Vec<SandboxId>,
}

/// One sending of one command.
#[derive(Debug, Clone)]
pub struct Sending {
    /// Where it went.
    pub subject: CommandSubject,
    /// What went there.
    pub message: Message,
    /// What its body says; nothing if that is garbage.
    pub command: Option<SandboxCommand>,
    /// When it went, since the world began.
    pub sent: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a client knows of a sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Waiting,
    /// It took effect.
    Accepted(Accepted),
    /// It did not.
    Rejected(Rejected),
    /// Nobody answered in time: it may have taken effect.
    Unknown,
    /// The queue itself would not take it.
    Refused,
}

impl Diary {
    /// Takes note of a sending; answers its number.
    pub fn sent(&self, sending: Sending) -> usize {
        let mut inner = self.lock();
        inner.sendings.push(sending);
        inner.sendings.len() - 1
    }

    /// Takes note of what became of a sending.
    pub fn learned(&self, number: usize, outcome: Outcome) {
        let mut inner = self.lock();
        inner.sendings[number].outcome = outcome;
        inner.answered.push(number);
    }

    /// A sending.
    pub fn sending(&self, number: usize) -> Sending {
        self.lock().sendings[number].clone()
    }

    /// How many sendings there are.
    pub fn count(&self) -> usize {
        self.lock().sendings.len()
    }

    /// The sendings of which something was learned, after the first `seen` of them.
    pub fn learned_after(&self, seen: usize) -> Vec<Sending> {
        let inner = self.lock();
        let new = inner.answered.get(seen..).unwrap_or_default();
        new.iter().map(|number| inner.sendings[*number].clone()).collect()
    }

    /// Those that `look` wants.
    pub fn find(&self, look: impl Fn(&Sending) -> bool) -> Vec<Sending> {
        let inner = self.lock();
        inner
            .sendings
            .iter()
            .filter(|sending| look(sending))
            .cloned()
            .collect()
    }

    /// Takes note of a sandbox that somebody asked for.
    pub fn named(&self, sandbox: &SandboxId) {
        self.lock().sandboxes.push(sandbox.clone());
    }

    /// Every sandbox that was asked for, in that order.
    pub fn sandboxes(&self) -> Vec<SandboxId> {
        self.lock().sandboxes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
