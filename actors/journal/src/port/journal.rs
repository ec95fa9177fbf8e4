//! The event log: append after what you have seen, read back, follow.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Digest, Sequence, Timestamp};

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

impl Record {
    /// What tells it from every other commit that could stand at its sequence, in this log or another. When it was stored
    /// does not count: that changes when a log is imported.
    pub fn digest(&self) -> Digest {
        let head = format!("{} {} ", self.subject, self.command_id);
        Digest::of(&[head.as_bytes(), &self.payload].concat())
    }
}

/// Commits of one subject, or of those that a filter admits, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The commits.
    pub records: Vec<Record>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// How an append ended when the log could be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Append {
    /// The commit stands at this sequence: stored now, or by an earlier try whose answer was lost.
    Stored(Sequence),
    /// Others came first. The subject's first commits after the expected sequence, to fold before deciding again.
    Conflict(Vec<Record>),
}

/// Commits in order, without gaps, without end: an unreachable log is waited for. [`JournalError::Behind`]
/// and [`JournalError::Another`] come out of it, and end it; [`JournalError::Foreign`] does, and whoever can do without
/// that message may go on.
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

    /// The first commits of `subject` after `after`, in order; at most some hundred, or some MiB.
    async fn read(&self, subject: &EventSubject, after: Sequence) -> Result<Page, JournalError>;

    /// The first commits that `filter` admits after `after`, in order: at least one if there is any, at most some hundred, and
    /// not many more bytes than `bytes`. What is not ours is passed over.
    async fn page(&self, filter: &EventFilter, after: Sequence, bytes: u32) -> Result<Page, JournalError>;

    /// Where the last commit stands that was stored before `time`; zero if there is none.
    async fn before(&self, time: Timestamp) -> Result<Sequence, JournalError>;

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
    /// The log has another commit than the one that was seen in it. Nobody may act on what it holds.
    #[error(
        "the event log is not the one that was read: at sequence {seen}, {detail}; bring the log back that was read, or, \
         when the other one is to be used from now on, delete the state folders of its readers"
    )]
    Another {
        /// The sequence of the commit that was seen.
        seen: Sequence,
        /// What stands there now.
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
    #[error(transparent)]
    Foreign(#[from] Foreign),
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

/// A message in the log that is not a commit of ours: somebody else may publish there, or a newer release does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message {sequence} on {subject} is not a commit of ours: {detail}")]
pub struct Foreign {
    /// Where it stands.
    pub sequence: Sequence,
    /// Its subject.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
}
