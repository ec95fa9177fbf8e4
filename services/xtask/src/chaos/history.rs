//! The whole log, decoded.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use roost_journal::jetstream::Connection;
use roost_journal::port::{Journal, Record};
use roost_schemas::commit::Commit;
use roost_schemas::event::{GivenUp, HostEvent, SandboxEvent, TemplateEvent, WebhookEvent};
use roost_schemas::subject::{AggregateId, EventFilter, EventSubject};
use roost_schemas::{CommandId, SandboxId, Sequence, TemplateName, Timestamp};

use super::invariants::life::Life;

/// One commit.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it stands.
    pub(super) sequence: Sequence,
    /// Where it belongs.
    pub(super) subject: EventSubject,
    /// What it was decided on.
    pub(super) command_id: CommandId,
    /// When the log stored it.
    pub(super) stored_at: Timestamp,
    /// What it says of a sandbox; empty for others.
    pub(super) events: Vec<SandboxEvent>,
}

/// Every commit, in order.
#[derive(Debug, Default)]
pub(super) struct History {
    /// As they stand in the log.
    pub(super) entries: Vec<Entry>,
    of: BTreeMap<SandboxId, Vec<usize>>,
    at: BTreeMap<Sequence, usize>,
    /// Where each template was saved.
    pub(super) saved: BTreeMap<TemplateName, Sequence>,
    /// From when to when the host was given up; the last time maybe without an end.
    pub(super) down: Vec<(Timestamp, Option<Timestamp>)>,
    /// Where the webhook was made, which is told what comes after.
    pub(super) telling_from: Option<Sequence>,
    /// What it could not be told.
    pub(super) put_aside: BTreeSet<Sequence>,
}

impl History {
    /// The sandboxes that the log knows.
    pub(super) fn sandboxes(&self) -> impl Iterator<Item = &SandboxId> {
        self.of.keys()
    }

    /// The commits of one sandbox, in order.
    pub(super) fn of(&self, sandbox: &SandboxId) -> impl Iterator<Item = &Entry> {
        let numbers = self.of.get(sandbox).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().map(|number| &self.entries[*number])
    }

    /// What one sandbox is by now, whether or not all of it was lawful.
    pub(super) fn life(&self, sandbox: &SandboxId) -> Life {
        let mut life = Life::default();
        let events = self.of(sandbox).flat_map(|entry| &entry.events);
        events.for_each(|event| life.follow(event));
        life
    }

    /// The commit at a place.
    pub(super) fn at(&self, sequence: Sequence) -> Option<&Entry> {
        self.at.get(&sequence).map(|number| &self.entries[*number])
    }

    /// The place of the last one.
    pub(super) fn head(&self) -> Sequence {
        self.entries
            .last()
            .map(|entry| entry.sequence)
            .unwrap_or_default()
    }

    fn push(&mut self, record: &Record) -> Result<()> {
        let number = self.entries.len();
        let mut events = Vec::new();
        match &record.subject.aggregate {
            AggregateId::Sandbox(id) => {
                events = Commit::<SandboxEvent>::decode(&record.payload)?.events;
                self.of.entry(id.clone()).or_default().push(number);
            }
            AggregateId::Template(name) => {
                let commit = Commit::<TemplateEvent>::decode(&record.payload)?;
                if commit
                    .events
                    .iter()
                    .any(|event| matches!(event, TemplateEvent::Saved(_)))
                {
                    self.saved.insert(name.clone(), record.sequence);
                }
            }
            AggregateId::Tenant(_) => {}
            AggregateId::Webhook(_) => {
                for event in Commit::<WebhookEvent>::decode(&record.payload)?.events {
                    match event {
                        WebhookEvent::Created(_) => self.telling_from = Some(record.sequence),
                        WebhookEvent::GivenUp(GivenUp { sequence, .. }) => {
                            self.put_aside.insert(sequence);
                        }
                        _ => {}
                    }
                }
            }
            AggregateId::Host(_) => {
                let commit = Commit::<HostEvent>::decode(&record.payload)?;
                for event in &commit.events {
                    match (event, self.down.last_mut()) {
                        (HostEvent::Down(_), _) => self.down.push((record.stored_at, None)),
                        (HostEvent::Registered(_), Some((_, until @ None))) => {
                            *until = Some(record.stored_at);
                        }
                        _ => {}
                    }
                }
            }
        }
        self.at.insert(record.sequence, number);
        self.entries.push(Entry {
            sequence: record.sequence,
            subject: record.subject.clone(),
            command_id: record.command_id.clone(),
            stored_at: record.stored_at,
            events,
        });
        Ok(())
    }
}

/// Reads it from the first message to the last of now. What cannot be decoded, or is missing in between, is an error.
pub(super) async fn read(nats: &Connection) -> Result<History> {
    let journal = nats.journal();
    let head = journal.head().await?;
    let mut records = journal.follow(&EventFilter::All, Sequence::default()).await?;
    let mut history = History::default();
    while history.head() < head {
        let record = records.next().await.context("the log does not end")??;
        let expected = history.head().0 + 1;
        ensure!(
            record.sequence.0 == expected,
            "the log lacks message {expected}: {} comes next",
            record.sequence
        );
        history
            .push(&record)
            .with_context(|| format!("message {} on {}", record.sequence, record.subject))?;
    }
    Ok(history)
}

/// A log of commits of sandboxes, each with its command's id; for tests.
#[cfg(test)]
pub(super) fn of_commits(commits: Vec<(&str, &str, Vec<SandboxEvent>)>) -> History {
    use roost_schemas::commit::SCHEMA_VERSION;
    let mut history = History::default();
    for (number, (sandbox, command_id, events)) in (1..).zip(commits) {
        let (tenant, sandbox) = (crate::TENANT.parse(), SandboxId::new(sandbox));
        let command_id = CommandId::new(command_id).expect("an id");
        let commit = Commit {
            command_id: command_id.clone(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp::default(),
            principal: "test".to_owned(),
            events,
        };
        let record = Record {
            subject: EventSubject::sandbox(tenant.expect("a tenant"), sandbox.expect("an id")),
            sequence: Sequence(number),
            command_id,
            stored_at: Timestamp::default(),
            payload: commit.encode().into(),
        };
        history.push(&record).expect("it can be decoded");
    }
    history
}
