//! Sending a command and learning what became of it.
//!
//! ```text
//!   recorded? ──(only for a key the client chose)── a commit under this id ──▶ its sequence, if it is the same request
//!       │
//!   send to the owner's queue ──accepted──────────────────────────────▶ its sequence
//!       │    ├──rejected, and the owner has changed── send to "any" ──▶ …
//!       │    ├──rejected─────────────────────────────────────────────▶ the rejection
//!       │    └──no answer── a commit under this id? ─────────────────▶ its sequence, or deadline_exceeded
//! ```

use roost_journal::port::{Message, QueueError};
use roost_schemas::command::{ContentType, SandboxCommand};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::reply::{Accepted, Code as ReplyCode, Rejected, Reply};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, SandboxId, Sequence, Timestamp};

use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Lets `command` take effect on a sandbox that exists, and waits until reads show it.
    ///
    /// `same` tells whether a commit recorded under the key is what this request would lead to.
    pub(crate) async fn execute(
        &self,
        sandbox: &SandboxId,
        key: &CommandKey,
        command: &SandboxCommand,
        same: impl Fn(&Commit<SandboxEvent>) -> bool,
    ) -> Result<Sequence, ApiError> {
        self.locate(sandbox).await?;
        let recorded = if key.given {
            self.recorded(sandbox, &key.id).await?
        } else {
            None
        };
        let sequence = match recorded {
            Some((sequence, commit)) if same(&commit) => sequence,
            Some((sequence, _)) => return Err(reused(&key.id, sequence)),
            None => {
                let route = self.owner(sandbox);
                match self.send(sandbox, &route, key, command).await {
                    Err(error) if error.code == Code::InvalidState && self.moved(sandbox, &route).await? => {
                        self.send(sandbox, &Route::Any, key, command).await?
                    }
                    sent => sent?,
                }
            }
        };
        self.reach(sequence).await?;
        Ok(sequence)
    }

    /// Sends `command` once and waits for its answer.
    pub(crate) async fn send(
        &self,
        sandbox: &SandboxId,
        route: &Route,
        key: &CommandKey,
        command: &SandboxCommand,
    ) -> Result<Sequence, ApiError> {
        let patience = self.limits().reply;
        let subject = CommandSubject {
            tenant: self.tenant().clone(),
            route: route.clone(),
            sandbox: sandbox.clone(),
        };
        let message = Message {
            command_id: key.id.clone(),
            principal: self.key().principal(),
            deadline: Some(Timestamp::now().plus(patience)),
            reply: None,
            content: ContentType::MessagePack,
            body: command.encode().into(),
        };
        match self.ports().queue.request(&subject, message, patience).await {
            Ok(Reply::Accepted(Accepted { sequence, .. })) => Ok(sequence),
            Ok(Reply::Rejected(rejected)) => Err(self.rejected(sandbox, rejected)),
            Err(error @ QueueError::NoAnswer { .. }) => match self.recorded(sandbox, &key.id).await? {
                Some((sequence, _)) => Ok(sequence),
                None => Err(unanswered(sandbox, &key.id, &error)),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that the sandbox exists. The projection may be behind, so the log has the last word.
    pub(crate) async fn locate(&self, id: &SandboxId) -> Result<(), ApiError> {
        self.reach(Sequence::default()).await?;
        if self
            .fleet()
            .read(|fleet| fleet.sandbox(self.tenant(), id).is_some())
        {
            return Ok(());
        }
        let records = self
            .ports()
            .journal
            .read(&self.subject(id), Sequence::default())
            .await?;
        match records.last() {
            Some(last) => self.reach(last.sequence).await,
            None => Err(ApiError::no_sandbox(id)),
        }
    }

    /// Whose queue takes the sandbox's commands.
    fn owner(&self, id: &SandboxId) -> Route {
        let host = self.fleet().read(|fleet| {
            let placed = fleet.sandbox(self.tenant(), id)?.state.placed.as_ref()?;
            Some(placed.host.clone())
        });
        host.map_or(Route::Any, Route::Host)
    }

    /// Whether the sandbox turns out to belong to another queue than the one that was asked.
    async fn moved(&self, id: &SandboxId, asked: &Route) -> Result<bool, ApiError> {
        self.reach(self.ports().journal.head().await?).await?;
        Ok(self.owner(id) != *asked)
    }

    /// The commit that `command` led to, if it led to one.
    async fn recorded(
        &self,
        sandbox: &SandboxId,
        command: &CommandId,
    ) -> Result<Option<(Sequence, Commit<SandboxEvent>)>, ApiError> {
        let records = self
            .ports()
            .journal
            .read(&self.subject(sandbox), Sequence::default())
            .await?;
        let Some(record) = records.iter().find(|record| record.command_id == *command) else {
            return Ok(None);
        };
        Ok(Some((record.sequence, Commit::decode(&record.payload)?)))
    }

    /// A host that no longer has a sandbox because it has ended says so in its own words; ours name the end.
    fn rejected(&self, sandbox: &SandboxId, rejected: Rejected) -> ApiError {
        let ended = self.fleet().read(|fleet| {
            let state = &fleet.sandbox(self.tenant(), sandbox)?.state;
            state.phase.is_end().then(|| crate::describe::end(sandbox, state))
        });
        match ended {
            Some(message) if rejected.code == ReplyCode::InvalidState => {
                ApiError::new(Code::InvalidState, message)
            }
            _ => rejected.into(),
        }
    }
}

/// Of a key that stands for another request.
pub(crate) fn reused(key: &CommandId, sequence: Sequence) -> ApiError {
    let message = format!(
        "Idempotency-Key {key} was used for a different request (sequence {sequence}): repeat that request, or choose another key"
    );
    ApiError::new(Code::Conflict, message)
}

fn unanswered(sandbox: &SandboxId, key: &CommandId, error: &QueueError) -> ApiError {
    let message = format!(
        "sandbox {sandbox}: {error}. Check that roost-host and roost-reconciler run; repeat the request under Idempotency-Key {key}"
    );
    ApiError::new(Code::DeadlineExceeded, message)
}
