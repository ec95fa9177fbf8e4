//! The log as the checker folds it: everything that ever was, not only what is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use roost_domain::Aggregate;
use roost_domain::fleet::Fleet;
use roost_domain::host::Host;
use roost_domain::sandbox::Sandbox;
use roost_journal::port::Record;
use roost_schemas::commit::Commit;
use roost_schemas::event::{Payload, SandboxEvent, TemplateEvent, TenantEvent, WebhookEvent};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, Generation, HostId, Owner, SandboxId, Sequence, TenantId};

use super::life::{self, Told};
use super::{broken_at, rule};
use crate::world::Violation;

/// See the module.
#[derive(Default)]
pub(super) struct History {
    head: Sequence,
    fleet: Fleet,
    commits: BTreeMap<EventSubject, BTreeMap<CommandId, Sequence>>,
    lives: BTreeMap<EventSubject, Life>,
    hosts: BTreeMap<HostId, Host>,
    begun: BTreeMap<Owner, (TenantId, HostId)>,
    given_up: BTreeSet<Owner>,
    /// A clock was set: ends of time may come at any time, because hosts and the reconciler tell them by the time of day.
    astray: bool,
}

/// One sandbox, from its first commit on.
#[derive(Default)]
pub(super) struct Life {
    /// What it is now.
    pub(super) sandbox: Sandbox,
    /// What it was after each of its commits.
    pub(super) was: BTreeMap<Sequence, Sandbox>,
    /// By the time of the world, the earliest end that its time can have.
    pub(super) ends: Option<Duration>,
}

impl History {
    /// The last commit taken in.
    pub(super) fn head(&self) -> Sequence {
        self.head
    }

    /// A clock was set.
    pub(super) fn go_astray(&mut self) {
        self.astray = true;
    }

    /// Whether ends of time can be told.
    pub(super) fn is_astray(&self) -> bool {
        self.astray
    }

    /// What every projection must have when it has come as far.
    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Where the commit of `id` stands on `subject`.
    pub(super) fn commit_of(&self, subject: &EventSubject, id: &CommandId) -> Option<Sequence> {
        self.commits.get(subject)?.get(id).copied()
    }

    /// Whether a commit of `subject` stands at `sequence`.
    pub(super) fn stands(&self, subject: &EventSubject, sequence: Sequence) -> bool {
        let commits = self.commits.get(subject);
        commits.is_some_and(|commits| commits.values().any(|at| *at == sequence))
    }

    /// A sandbox's life.
    pub(super) fn life(&self, subject: &EventSubject) -> Option<&Life> {
        self.lives.get(subject)
    }

    /// Every sandbox's.
    pub(super) fn lives(&self) -> impl Iterator<Item = (&EventSubject, &Life)> {
        self.lives.iter()
    }

    /// Whose `owner` is and on which host, if the log says that it set out to run.
    pub(super) fn begun(&self, owner: &Owner) -> Option<&(TenantId, HostId)> {
        self.begun.get(owner)
    }

    /// Whether `owner` was given up while its host was down.
    pub(super) fn is_given_up(&self, owner: &Owner) -> bool {
        self.given_up.contains(owner)
    }

    /// Whether the log says that `host` is down.
    pub(super) fn is_down(&self, host: &HostId) -> bool {
        self.hosts.get(host).is_some_and(|host| host.down.is_some())
    }

    /// Takes in the next commit, and says if it may not be.
    pub(super) fn take(&mut self, record: &Record, now: Duration) -> Result<(), Violation> {
        let (subject, sequence) = (&record.subject, record.sequence);
        if sequence.0 != self.head.0 + 1 {
            return broken_at(rule::READABLE, sequence, format!("it follows {}", self.head));
        }
        self.head = sequence;
        let known = self.commits.entry(subject.clone()).or_default();
        if let Some(first) = known.insert(record.command_id.clone(), sequence) {
            let id = &record.command_id;
            return broken_at(
                rule::ONE_COMMIT,
                sequence,
                format!("command {id} has one on {subject} at {first} already"),
            );
        }
        if let Err(error) = self.fleet.apply(subject, sequence, &record.payload) {
            return broken_at(rule::READABLE, sequence, error);
        }
        match &subject.aggregate {
            AggregateId::Sandbox(id) => {
                let commit = decode::<SandboxEvent>(record)?;
                let told = Told {
                    at: commit.at,
                    stored: record.stored_at,
                    now,
                };
                self.sandbox(id, record, &commit.events, told)
            }
            AggregateId::Host(id) => {
                let commit = decode(record)?;
                let host = self.hosts.entry(id.clone()).or_default();
                commit.events.iter().for_each(|event| host.evolve(event));
                Ok(())
            }
            AggregateId::Template(_) => decode::<TemplateEvent>(record).map(drop),
            AggregateId::Tenant(_) => decode::<TenantEvent>(record).map(drop),
            AggregateId::Webhook(_) => decode::<WebhookEvent>(record).map(drop),
        }
    }

    fn sandbox(
        &mut self,
        id: &SandboxId,
        Record {
            subject, sequence, ..
        }: &Record,
        events: &[SandboxEvent],
        told: Told,
    ) -> Result<(), Violation> {
        let sequence = *sequence;
        let life = self.lives.entry(subject.clone()).or_default();
        for event in events {
            let owner = |generation: Generation| Owner {
                sandbox: id.clone(),
                generation,
            };
            if let Err((invariant, detail)) = life::follows(&life.sandbox, event) {
                return broken_at(invariant, sequence, format!("{subject}: {detail}"));
            }
            if let Err(detail) = life::in_time(life, event, told)
                && !self.astray
            {
                return broken_at(rule::EARLY, sequence, format!("{subject}: {detail}"));
            }
            if let SandboxEvent::Requested(_) = event
                && let Err(detail) = within_limits(&self.fleet, &subject.tenant)
            {
                return broken_at(rule::LIMITS, sequence, detail);
            }
            life.sandbox.evolve(event);
            let placed = life.sandbox.placed.as_ref();
            match (event, placed) {
                (SandboxEvent::Starting(_) | SandboxEvent::Resuming(_), Some(placed)) => {
                    let mine = (subject.tenant.clone(), placed.host.clone());
                    let before = self.begun.insert(owner(placed.generation), mine.clone());
                    if before.as_ref().is_some_and(|before| *before != mine) {
                        let owner = owner(placed.generation);
                        let detail = format!("{owner} is {before:?}'s, and {mine:?}'s");
                        return broken_at(rule::ONE_OWNER, sequence, detail);
                    }
                }
                (SandboxEvent::Reverted(_) | SandboxEvent::Lost(_), Some(placed)) => {
                    // A host that has come back meanwhile lets go of it as of any other that has ended.
                    let down = self
                        .hosts
                        .get(&placed.host)
                        .is_some_and(|host| host.down.is_some());
                    if down {
                        self.given_up.insert(owner(placed.generation));
                    }
                }
                _ => {}
            }
        }
        life.was.insert(sequence, life.sandbox.clone());
        Ok(())
    }
}

/// Whether `tenant` has no more sandboxes than it may, the newest among them.
fn within_limits(fleet: &Fleet, tenant: &TenantId) -> Result<(), String> {
    let most = fleet.limits(tenant).and_then(|limits| limits.sandboxes);
    let has = fleet.usage(tenant).sandboxes;
    match most {
        Some(most) if has > u64::from(most) => {
            Err(format!("{tenant} has {has} sandboxes, and may have {most}"))
        }
        _ => Ok(()),
    }
}

fn decode<E: Payload>(record: &Record) -> Result<Commit<E>, Violation> {
    let commit = match Commit::<E>::decode(&record.payload) {
        Ok(commit) => commit,
        Err(error) => return broken_at(rule::READABLE, record.sequence, error),
    };
    if commit.command_id != record.command_id {
        let detail = format!(
            "it is {} in its header, {} in its body",
            record.command_id, commit.command_id
        );
        return broken_at(rule::READABLE, record.sequence, detail);
    }
    Ok(commit)
}
