//! The append rule, over any store that can try an append once and read a subject's tail.
//!
//! ```text
//!   attempt ──stored────────────────────────────────────► Stored
//!      │ ╲──duplicate──► read that message ─folded before─► Stored
//!      │                   │    └──another subject────────► CommandIdReused
//!      │                   ▼ newer
//!      └──no answer, ──► read the tail
//!         wrong sequence      ├─ it begins with ours ─────► Stored
//!                             ├─ with anything else ──────► Conflict
//!                             └─ nothing: pause, attempt again, until patience ends
//! ```

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, Sequence};
use tokio::time::Instant;

use crate::pause::Pause;
use crate::port::{Append, JournalError, Page, Record};

/// Refusals for a wrong sequence, each with nothing newer in the log, after which the log must have lost commits.
/// One can be a late copy of our own first try that a read has just missed; three in a row cannot.
const REFUSALS: u32 = 3;

/// What is to be appended.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(crate) subject: &'a EventSubject,
    pub(crate) expected: Sequence,
    pub(crate) command_id: &'a CommandId,
    pub(crate) payload: Bytes,
}

/// How one try ended.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It stands there.
    Stored(Sequence),
    /// The store has seen the command id a moment ago, in the message at this sequence.
    Duplicate(Sequence),
    /// The subject's last sequence is another one; the store's words.
    WrongSequence(String),
    /// It may or may not be stored; what was seen.
    NoAnswer(String),
}

/// What the rule needs of a store.
pub(crate) trait Store: Sync {
    fn attempt(&self, request: &Request<'_>) -> impl Future<Output = Result<Attempt, JournalError>> + Send;
    fn tail(
        &self,
        subject: &EventSubject,
        after: Sequence,
    ) -> impl Future<Output = Result<Page, JournalError>> + Send;
    fn at(&self, sequence: Sequence) -> impl Future<Output = Result<Record, JournalError>> + Send;
}

/// Appends by the rule, trying for `patience` at most.
pub(crate) async fn append<S: Store>(
    store: &S,
    request: Request<'_>,
    patience: Duration,
) -> Result<Append, JournalError> {
    let deadline = Instant::now() + patience;
    let mut pause = Pause::new();
    let mut refusals = 0;
    loop {
        let detail = match store.attempt(&request).await? {
            Attempt::Stored(sequence) => return Ok(Append::Stored(sequence)),
            Attempt::Duplicate(sequence) => match store.at(sequence).await {
                Ok(record) => match duplicate(store, &request, &record).await? {
                    Some(append) => return Ok(append),
                    None => "the subject's tail could not be read".to_owned(),
                },
                Err(JournalError::Unavailable { detail, .. }) => detail,
                Err(error) => return Err(error),
            },
            Attempt::WrongSequence(detail) => match resolve(store, &request).await? {
                Some(append) => return Ok(append),
                None if refusals + 1 == REFUSALS => return Err(behind(&request, detail)),
                None => {
                    refusals += 1;
                    detail
                }
            },
            Attempt::NoAnswer(detail) => match resolve(store, &request).await? {
                Some(append) => return Ok(append),
                None => detail,
            },
        };
        if Instant::now() >= deadline {
            return Err(JournalError::Unavailable {
                action: "append a commit",
                detail,
            });
        }
        tracing::debug!(subject = %request.subject, command = %request.command_id, detail, "append in doubt, again");
        pause.wait().await;
    }
}

/// What the subject's tail says of an append in doubt; nothing if it says nothing, or cannot be read now.
async fn resolve<S: Store>(store: &S, request: &Request<'_>) -> Result<Option<Append>, JournalError> {
    match store.tail(request.subject, request.expected).await {
        Ok(Page { records, .. }) => Ok(match records.first() {
            Some(first) if is_this(request, first) => Some(Append::Stored(first.sequence)),
            Some(_) => Some(Append::Conflict(records)),
            None => None,
        }),
        Err(JournalError::Unavailable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `record` is this very append. Another decision on the same command, which a second writer may have taken in
/// another state, is not: its events are to be folded, not ours.
fn is_this(request: &Request<'_>, record: &Record) -> bool {
    record.command_id == *request.command_id && record.payload == request.payload
}

/// A duplicate counts as ours only when it stands on our subject: the server compares ids across the whole stream.
async fn duplicate<S: Store>(
    store: &S,
    request: &Request<'_>,
    found: &Record,
) -> Result<Option<Append>, JournalError> {
    if found.subject != *request.subject || found.command_id != *request.command_id {
        let (command_id, used_by) = (request.command_id.clone(), found.subject.to_string());
        return Err(JournalError::CommandIdReused { command_id, used_by });
    }
    if found.sequence <= request.expected {
        return Ok(Some(Append::Stored(found.sequence)));
    }
    resolve(store, request).await
}

fn behind(request: &Request<'_>, detail: String) -> JournalError {
    JournalError::Behind {
        subject: request.subject.to_string(),
        seen: request.expected,
        detail,
    }
}
