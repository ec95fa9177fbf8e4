//! Sending a command and learning what became of it.
//!
//! ```text
//!   recorded? ──(only for a key the client chose)── a commit under this id ──▶ its sequence, if it is the same request
//!       │
//!   send to the owner's queue ──accepted──────────────────────────────▶ its sequence
//!       │       (a resume goes to "any", where room is looked for)
//!       │    ├──rejected, and the owner has changed── send to "any" ──▶ …
//!       │    ├──rejected─────────────────────────────────────────────▶ the rejection
//!       │    └──no answer── a commit under this id? ─────────────────▶ its sequence, or deadline_exceeded
//! ```

use roost_domain::sandbox::Phase;
use roost_journal::port::{Message, QueueError, Record};
use roost_schemas::command::{ContentType, SandboxCommand};
use roost_schemas::commit::Commit;
use roost_schemas::event::{Payload, SandboxEvent};
use roost_schemas::reply::{Accepted, Code as ReplyCode, Rejected, Reply};
use roost_schemas::subject::{AggregateId, CommandSubject, EventSubject, Route};
use roost_schemas::{CommandId, SandboxId, Sequence, Timestamp};

use crate::describe;
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

impl Gateway {
    /// Lets `command` take effect on a sandbox that exists, and waits until reads show it.
    ///
    /// `same` tells whether a commit recorded under the key is what this request would lead to, if it leads to anything.
    pub(crate) async fn execute(
        &self,
        sandbox: &SandboxId,
        key: &CommandKey,
        command: &SandboxCommand,
        same: impl Fn(&Commit<SandboxEvent>) -> bool,
    ) -> Result<Sequence, ApiError> {
        self.locate(sandbox).await?;
        let same = |commit: &Commit<_>| same(commit) || confirms(commit, command);
        let sequence = match self.done_before(sandbox, key, same).await? {
            Some(sequence) => sequence,
            None => match self.route(sandbox, command) {
                Route::Any | Route::Client => self.send(sandbox, &Route::Any, key, command).await?,
                route @ Route::Host(_) => match self.send(sandbox, &route, key, command).await {
                    Err(error) if error.code == Code::InvalidState && self.moved(sandbox, &route).await? => {
                        self.send(sandbox, &Route::Any, key, command).await?
                    }
                    sent => sent?,
                },
            },
        };
        self.reach(sequence).await?;
        Ok(sequence)
    }

    /// Where the commit stands that this very request led to under a key that its client chose; a conflict if `same` says
    /// that it was another request.
    pub(crate) async fn done_before(
        &self,
        sandbox: &SandboxId,
        key: &CommandKey,
        same: impl Fn(&Commit<SandboxEvent>) -> bool,
    ) -> Result<Option<Sequence>, ApiError> {
        if !key.given {
            return Ok(None);
        }
        match self.recorded(&self.subject(sandbox), &key.id).await? {
            Some(record) if same(&Commit::decode(&record.payload)?) => Ok(Some(record.sequence)),
            Some(record) => Err(reused(&key.id, record.sequence)),
            None => Ok(None),
        }
    }

    /// Sends `command` about a sandbox once and waits for its answer.
    pub(crate) async fn send(
        &self,
        sandbox: &SandboxId,
        route: &Route,
        key: &CommandKey,
        command: &SandboxCommand,
    ) -> Result<Sequence, ApiError> {
        let subject = CommandSubject {
            tenant: self.tenant().clone(),
            route: route.clone(),
            sandbox: sandbox.clone(),
        };
        let asked = self.ask(&subject, &self.subject(sandbox), key, command).await?;
        asked.map_err(|rejected| self.rejected(sandbox, rejected))
    }

    /// Sends `command` once and waits for its answer, which `log` has even if it does not arrive.
    pub(crate) async fn ask(
        &self,
        subject: &CommandSubject,
        log: &EventSubject,
        key: &CommandKey,
        command: &SandboxCommand,
    ) -> Result<Result<Sequence, Rejected>, ApiError> {
        let patience = self.limits().reply;
        let message = Message {
            command_id: key.id.clone(),
            principal: key.sender(self),
            deadline: Some(Timestamp::now().plus(patience)),
            reply: None,
            trace: roost_telemetry::trace::current(),
            content: ContentType::MessagePack,
            body: command.encode().into(),
        };
        match self.ports().queue.request(subject, message, patience).await {
            Ok(Reply::Accepted(Accepted { sequence, .. })) => Ok(Ok(sequence)),
            Ok(Reply::Rejected(rejected)) => Ok(Err(rejected)),
            Err(error @ QueueError::NoAnswer { .. }) => match self.recorded(log, &key.id).await? {
                Some(record) => Ok(Ok(record.sequence)),
                None => Err(unanswered(log, &key.id, &error)),
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
        let mut last = None;
        self.search(&self.subject(id), Sequence::default(), |record| {
            last = Some(record.sequence);
            Ok(None::<()>)
        })
        .await?;
        match last {
            Some(last) => self.reach(last).await,
            None => Err(ApiError::no_sandbox(id)),
        }
    }

    /// Whose queue takes the command.
    fn route(&self, id: &SandboxId, command: &SandboxCommand) -> Route {
        match command {
            SandboxCommand::Resume(_) => Route::Any,
            _ => self.owner(id),
        }
    }

    /// Whose queue takes what is about the sandbox as it is placed.
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

    /// The commit of `subject` that `command` led to, if it led to one.
    pub(crate) async fn recorded(
        &self,
        subject: &EventSubject,
        command: &CommandId,
    ) -> Result<Option<Record>, ApiError> {
        self.search(subject, Sequence::default(), |record| {
            Ok(Some(record).filter(|record| record.command_id == *command))
        })
        .await
    }

    /// A conflict, if the key that its client chose led to the commit at `sequence` of `subject` for another request than this:
    /// `same` tells an event that this one leads to. To be asked where a command may have been known already: it was answered as
    /// accepted, and nothing has come of this request.
    pub(crate) async fn check_same<E: Payload>(
        &self,
        subject: &EventSubject,
        key: &CommandKey,
        sequence: Sequence,
        same: impl Fn(&E) -> bool,
    ) -> Result<(), ApiError> {
        if !key.given {
            return Ok(());
        }
        let before = Sequence(sequence.0.saturating_sub(1));
        let found = self.search(subject, before, |record| Ok(Some(record))).await?;
        let Some(record) = found.filter(|record| record.command_id == key.id) else {
            // What it asks for was so already, and nothing is on record.
            return Ok(());
        };
        if Commit::<E>::decode(&record.payload)?.events.iter().any(same) {
            return Ok(());
        }
        Err(reused(&key.id, record.sequence))
    }

    /// A host that no longer has a sandbox because it has ended says so in its own words; ours name the end. Of one that is
    /// paused ours add what to do.
    fn rejected(&self, sandbox: &SandboxId, rejected: Rejected) -> ApiError {
        if rejected.code != ReplyCode::InvalidState {
            return rejected.into();
        }
        let words = self.fleet().read(|fleet| {
            let state = &fleet.sandbox(self.tenant(), sandbox)?.state;
            match state.phase {
                phase if phase.is_end() => Some(describe::end(sandbox, state)),
                Phase::Paused => Some(format!("{}; {}", rejected.message, describe::way_back(sandbox))),
                _ => None,
            }
        });
        ApiError::new(Code::InvalidState, words.unwrap_or(rejected.message))
    }
}

/// Whether `commit` says that what `command` asks for was so already.
pub(crate) fn confirms(commit: &Commit<SandboxEvent>, command: &SandboxCommand) -> bool {
    let is_it = |event: &SandboxEvent| match event {
        SandboxEvent::Confirmed(confirmed) => *confirmed.command == *command,
        _ => false,
    };
    commit.events.iter().any(is_it)
}

/// Of a key that stands for another request.
pub(crate) fn reused(key: &CommandId, sequence: Sequence) -> ApiError {
    let message = format!(
        "Idempotency-Key {key} was used for a different request (sequence {sequence}): repeat that request, or choose another key"
    );
    ApiError::new(Code::Conflict, message)
}

fn unanswered(log: &EventSubject, key: &CommandId, error: &QueueError) -> ApiError {
    let (kind, id) = match &log.aggregate {
        AggregateId::Sandbox(id) => ("sandbox", id.as_str()),
        AggregateId::Template(name) => ("template", name.as_str()),
        AggregateId::Host(host) => ("host", host.as_str()),
        AggregateId::Tenant(tenant) => ("tenant", tenant.as_str()),
        AggregateId::Webhook(webhook) => ("webhook", webhook.as_str()),
    };
    let message = format!(
        "{kind} {id}: {error}. Check that roost-host and roost-reconciler run; repeat the request under Idempotency-Key {key}"
    );
    ApiError::new(Code::DeadlineExceeded, message)
}
