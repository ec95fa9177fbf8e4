//! The event log: append after what you have seen, read back, follow.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Sequence, Timestamp};

/// One stored commit, still encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub subject: EventSubject,
    /// Where it stands.
    pub sequence: Sequence,
    /// The decision it came from.
    pub command_id: CommandId,
    /// When the log stored it.
    pub stored_at: Timestamp,
    /// The encoded [`roost_schemas::commit::Commit`].
    pub payload: Bytes,
}

/// How an append ended when the log could be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Append {
    /// The commit stands at this sequence: stored now, or by an earlier try whose answer was lost.
    Stored(Sequence),
    /// Others came first. The subject's commits after the expected sequence, to fold before deciding again.
    Conflict(Vec<Record>),
}

/// Commits in order, without gaps, without end: an unreachable log is waited for. Only [`JournalError::Foreign`] and
/// [`JournalError::Behind`] come out of it, and end it.
pub type Records = BoxStream<'static, Result<Record, JournalError>>;

/// The event log.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Appends a commit to `subject` if `expected` is the sequence of its last one (0: it has none).
    ///
    /// The append rule: on a lost answer or a wrong sequence the subject's tail is read. If it begins with this very
    /// commit, the append succeeded; if with anything else, it is a [`Append::Conflict`], which may hold another decision
    /// on the same command; if nothing came, it is tried again, bounded.
    async fn append(
        &self,
        subject: &EventSubject,
        expected: Sequence,
        command_id: &CommandId,
        payload: Bytes,
    ) -> Result<Append, JournalError>;

    /// All commits of `subject` after `after`, in order.
    async fn read(&self, subject: &EventSubject, after: Sequence) -> Result<Vec<Record>, JournalError>;

    /// Follows every commit that `filter` admits after `after`: first what is stored, then what comes.
    async fn follow(&self, filter: &EventFilter, after: Sequence) -> Result<Records, JournalError>;

    /// The sequence of the last commit in the log; what a reader must reach to have caught up.
    async fn head(&self) -> Result<Sequence, JournalError>;
}

/// Why the log did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It could not be reached, or gave no answer, within the time allowed. The append may or may not be stored;
    /// trying again with the same command id is safe.
    #[error(
        "the event log did not {action} within its time: {detail}; check that nats-server runs, then try again"
    )]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// What was seen.
        detail: String,
    },
    /// The same command id was stored under another subject a moment ago.
    #[error("command id {command_id} was already used for {used_by}; choose another")]
    CommandIdReused {
        /// The id.
        command_id: CommandId,
        /// Where it stands.
        used_by: String,
    },
    /// The log ends before a commit that was seen in it: it has lost some. Nobody may act on what is left of it.
    #[error(
        "{subject} in the event log ends before sequence {seen}, which was seen earlier ({detail}); commits were lost: \
         restore the log from a backup, or, when the loss is accepted, delete the state folders of its readers"
    )]
    Behind {
        /// What was read or written: a subject, or a filter.
        subject: String,
        /// The sequence that was seen.
        seen: Sequence,
        /// What the log says now.
        detail: String,
    },
    /// The server will not store this commit, however often it is tried.
    #[error("nats-server refuses the commit of {bytes} bytes on {subject}: {detail}")]
    Refused {
        /// Where it was to stand.
        subject: String,
        /// How large it is.
        bytes: usize,
        /// The server's words.
        detail: String,
    },
    /// A stored message is not one of ours.
    #[error(
        "message {sequence} on {subject} is not a commit of ours: {detail}; readers stop here until it is explained"
    )]
    Foreign {
        /// Where it stands.
        sequence: Sequence,
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The server or stream is not one that Roost may trust.
    #[error("nats-server at {server} is refused: {reason}; {remedy}")]
    Unfit {
        /// Its address.
        server: String,
        /// What it lacks.
        reason: String,
        /// What to do.
        remedy: String,
    },
}
