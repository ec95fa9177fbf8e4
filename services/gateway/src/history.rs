//! A sandbox's own commits: what the log has, and what comes after a place in it.
//!
//! What a projection shows now may be past what a request waits for: a pause that succeeded looks, once its sandbox runs
//! again, like one that failed. The commits themselves tell them apart.

use std::time::Duration;

use roost_domain::sandbox::Sandbox;
use roost_journal::port::Record;
use roost_schemas::codec::Undecodable;
use roost_schemas::commit::Commit;
use roost_schemas::event::{Cause, SandboxEvent};
use roost_schemas::subject::EventSubject;
use roost_schemas::{SandboxId, Sequence};
use tokio::time::Instant;

use crate::describe;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// What a client is told of a wait that did not end well.
pub(crate) struct Words {
    /// In a word, when it failed.
    pub(crate) code: Code,
    /// In a sentence, before the cause.
    pub(crate) failed: String,
    /// When time was up: what is not so yet, and where to look.
    pub(crate) late: (String, String),
}

impl Gateway {
    /// Shows `look` the records of `subject` after `after` until it finds something. They are read by the page, so that a
    /// long history costs no memory.
    pub(crate) async fn search<R>(
        &self,
        subject: &EventSubject,
        mut after: Sequence,
        mut look: impl FnMut(Record) -> Result<Option<R>, Undecodable>,
    ) -> Result<Option<R>, ApiError> {
        loop {
            let page = self.ports().journal.read(subject, after).await?;
            for record in page.records {
                after = record.sequence;
                if let Some(found) = look(record)? {
                    return Ok(Some(found));
                }
            }
            if !page.more {
                return Ok(None);
            }
        }
    }

    /// Shows `look` the commits of `id` after `after`, each with its place, until it finds something.
    pub(crate) async fn walk<R>(
        &self,
        id: &SandboxId,
        after: Sequence,
        mut look: impl FnMut(Sequence, &Commit<SandboxEvent>) -> Option<R>,
    ) -> Result<Option<R>, ApiError> {
        let look = |record: Record| Ok(look(record.sequence, &Commit::decode(&record.payload)?));
        self.search(&self.subject(id), after, look).await
    }

    /// The first event of `id` after `after` in which `look` finds something, and its place, which reads show from then on.
    /// Nothing, if none has come when `patience` ends.
    pub(crate) async fn next_event<R>(
        &self,
        id: &SandboxId,
        mut after: Sequence,
        patience: Duration,
        look: impl Fn(&SandboxEvent) -> Option<R>,
    ) -> Result<Option<(Sequence, R)>, ApiError> {
        let deadline = Instant::now() + patience;
        loop {
            let found = self.walk(id, after, |sequence, commit| {
                after = sequence;
                commit.events.iter().find_map(&look)
            });
            if let Some(found) = found.await? {
                self.reach(after).await?;
                return Ok(Some((after, found)));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let news = self
                .until(left, |fleet| {
                    let view = fleet.sandbox(self.tenant(), id)?;
                    (view.sequence > after).then_some(())
                })
                .await?;
            if news.is_none() {
                return Ok(None);
            }
        }
    }

    /// Waits for what follows from a request that was decided at `asked`: `look` tells success from failure, and the end
    /// of the sandbox is a failure whatever is waited for. The place in the log at which it succeeded.
    pub(crate) async fn follows(
        &self,
        id: &SandboxId,
        asked: Sequence,
        patience: Duration,
        words: &Words,
        look: impl for<'a> Fn(&'a SandboxEvent) -> Option<Result<(), &'a Cause>>,
    ) -> Result<Sequence, ApiError> {
        let end = self
            .next_event(id, asked, patience, |event| match look(event) {
                Some(end) => Some(end.map_err(|cause| Some(describe::cause(cause)))),
                None if is_end(event) => Some(Err(None)),
                None => None,
            })
            .await?;
        match end {
            Some((sequence, Ok(()))) => Ok(sequence),
            Some((_, Err(Some(cause)))) => {
                Err(ApiError::new(words.code, format!("{}: {cause}", words.failed)))
            }
            Some((_, Err(None))) => Err(self.ended(id)),
            None => {
                let (begin, rest) = &words.late;
                let message = format!("{begin} after {patience:?}, {rest}; repeat the request to wait on");
                Err(ApiError::new(Code::DeadlineExceeded, message))
            }
        }
    }

    /// A copy of what reads show of `id` now, and its last commit's place.
    pub(crate) fn state_of(&self, id: &SandboxId) -> Result<(Sandbox, Sequence), ApiError> {
        let found = self.fleet().read(|fleet| {
            let view = fleet.sandbox(self.tenant(), id)?;
            Some((view.state.clone(), view.sequence))
        });
        found.ok_or_else(|| ApiError::no_sandbox(id))
    }

    /// Of a sandbox that ended while it was waited for.
    pub(crate) fn ended(&self, id: &SandboxId) -> ApiError {
        match self.state_of(id) {
            Ok((state, _)) => ApiError::new(Code::SandboxEnded, describe::end(id, &state)),
            Err(error) => error,
        }
    }
}

/// Whether with this event a sandbox ends, or is about to.
fn is_end(event: &SandboxEvent) -> bool {
    matches!(
        event,
        SandboxEvent::Stopping(_) | SandboxEvent::Stopped | SandboxEvent::Lost(_) | SandboxEvent::Failed(_)
    )
}
