//! One aggregate and its place in the log: decide, append, fold, and decide again when others came first.

use std::sync::Arc;

use bytes::Bytes;
use roost_domain::{Aggregate, Answer, Decision, Folded, Rejection};
use roost_journal::port::{Append, Journal, JournalError, Record};
use roost_schemas::Sequence;
use roost_schemas::codec::Undecodable;
use roost_schemas::command::Envelope;
use roost_schemas::commit::Commit;
use roost_schemas::reply::{Code, Rejected, Reply};
use roost_schemas::subject::EventSubject;

/// How often a decision is taken anew because others appended first. Each try folds what they wrote, so losing this
/// often means that a subject has writers it should not have.
const MAX_TRIES: usize = 16;

/// An aggregate that can be asked.
pub struct Ledger<A> {
    journal: Arc<dyn Journal>,
    subject: EventSubject,
    folded: Folded<A>,
}

/// A command that was accepted, now or when it came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Where its commit stands, or what state confirmed that none was needed.
    pub sequence: Sequence,
    /// Where the aggregate stood after it, in a word.
    pub state: &'static str,
}

/// A command that was not.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// By the domain: final.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// By the log: to be tried again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A commit of this aggregate cannot be read: it stands still until that is mended.
    #[error("{subject} at sequence {sequence}: {source}")]
    Undecodable {
        /// The aggregate.
        subject: Box<EventSubject>,
        /// Where the commit stands.
        sequence: Sequence,
        /// What is wrong with it.
        #[source]
        source: Undecodable,
    },
    /// Nothing can be decided by what was read of the log so far: to be tried again.
    #[error("the log is not read to its end yet: {0}")]
    Behind(String),
    /// Others kept appending first.
    #[error("{0} changed {MAX_TRIES} times while one command was decided; only its owner should write to it")]
    Contended(Box<EventSubject>),
}

impl Refusal {
    /// Whether trying again would come to the same.
    pub(crate) fn is_final(&self) -> bool {
        self.answer().is_some() && !self.is_unreadable()
    }

    /// Whether it is because of a commit that cannot be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Undecodable { .. } | Self::Journal(JournalError::Foreign(_))
        )
    }

    /// The caller's answer; nothing when the command is to wait, because trying again may help.
    pub(crate) fn answer(&self) -> Option<Reply> {
        let code = match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Journal(JournalError::CommandIdReused { .. }) => Code::Conflict,
            Self::Journal(JournalError::Refused { .. }) => Code::InvalidRequest,
            // Waiting does not help, but a release that can read it may come: nothing is decided, and the caller may ask again.
            Self::Undecodable { .. } | Self::Journal(JournalError::Foreign(_)) => Code::Unavailable,
            Self::Journal(_) | Self::Behind(_) | Self::Contended(_) => return None,
        };
        let message = self.to_string();
        Some(Reply::Rejected(Rejected { code, message }))
    }
}

impl<A: Aggregate> Ledger<A> {
    /// Folds what the log has of `subject`.
    pub async fn load(journal: Arc<dyn Journal>, subject: EventSubject) -> Result<Self, Refusal> {
        let mut ledger = Self {
            journal,
            subject,
            folded: Folded::default(),
        };
        loop {
            let page = ledger
                .journal
                .read(&ledger.subject, ledger.folded.sequence)
                .await?;
            ledger.fold(&page.records)?;
            if !page.more {
                return Ok(ledger);
            }
        }
    }

    /// The aggregate's state.
    pub fn state(&self) -> &A {
        &self.folded.state
    }

    /// The fold, with where it stands.
    pub fn folded(&self) -> &Folded<A> {
        &self.folded
    }

    /// Whether `command` took effect before.
    pub fn knows(&self, command: &Envelope<A::Command>) -> bool {
        self.folded.answered(&command.command_id).is_some()
    }

    /// Whether `command` would lead to anything that is not so yet.
    pub fn would_change(&self, command: &Envelope<A::Command>) -> bool {
        let events = self.state().decide(command);
        !self.knows(command) && events.is_ok_and(|events| !events.is_empty())
    }

    /// Lets `command` take effect, exactly once.
    pub async fn execute(&mut self, command: &Envelope<A::Command>) -> Result<Done, Refusal> {
        for _ in 0..MAX_TRIES {
            let commit = match self.folded.decide(command)? {
                Decision::Done(Answer { sequence, standing }) => {
                    let state = standing;
                    return Ok(Done { sequence, state });
                }
                Decision::Nothing(sequence) => return Ok(self.done(sequence)),
                Decision::Commit(commit) => commit,
            };
            let payload = Bytes::from(commit.encode());
            let expected = self.folded.sequence;
            match self
                .journal
                .append(&self.subject, expected, &commit.command_id, payload)
                .await?
            {
                Append::Stored(sequence) => {
                    self.folded.apply(sequence, &commit);
                    return Ok(self.done(sequence));
                }
                Append::Conflict(records) => self.fold(&records)?,
            }
        }
        Err(Refusal::Contended(Box::new(self.subject.clone())))
    }

    fn done(&self, sequence: Sequence) -> Done {
        let state = self.state().standing();
        Done { sequence, state }
    }

    fn fold(&mut self, records: &[Record]) -> Result<(), Refusal> {
        for record in records {
            let commit =
                Commit::<A::Event>::decode(&record.payload).map_err(|source| Refusal::Undecodable {
                    subject: Box::new(self.subject.clone()),
                    sequence: record.sequence,
                    source,
                })?;
            self.folded.apply(record.sequence, &commit);
        }
        Ok(())
    }
}
