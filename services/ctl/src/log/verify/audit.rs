//! What is checked of every message, and the fold of them all.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use roost_journal::jetstream::Stored;
use roost_journal::port::{JournalError, Record};
use roost_journal::projection::Projection;
use roost_runtime::fleet::FleetProjection;
use roost_schemas::codec::Undecodable;
use roost_schemas::commit::Commit;
use roost_schemas::event::{HostEvent, Payload, SandboxEvent, TemplateEvent, TenantEvent, WebhookEvent};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, Digest, Sequence};

/// Problems that are shown; the others are only counted.
const SHOWN: usize = 20;
/// By which a writer told the server what it had seen of the subject.
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// Takes in the messages of a log, in order.
#[derive(Default)]
pub(super) struct Audit {
    fold: FleetProjection,
    last: Sequence,
    commits: u64,
    /// The last commit of each subject.
    subjects: HashMap<EventSubject, Sequence>,
    /// Digests of subject and command id, of every commit.
    commands: HashSet<[u8; 16]>,
    problems: Vec<String>,
    uncounted: usize,
}

impl Audit {
    /// Checks and folds the next message.
    pub(super) fn add(&mut self, message: &Stored) {
        let sequence = message.sequence;
        if sequence.0 != self.last.0 + 1 {
            self.problem(format!(
                "after {}, the next message is {sequence}: some are missing",
                self.last
            ));
        }
        self.last = sequence;
        match message.record() {
            Ok(record) => {
                self.commit(message, &record);
                if let Err(reason) = self.fold.apply(&record) {
                    self.problem(format!("{sequence} is not folded: {reason}"));
                }
            }
            Err(JournalError::Foreign(foreign)) => {
                self.problem(foreign.to_string());
                self.fold.pass(&foreign);
            }
            Err(error) => self.problem(error.to_string()),
        }
    }

    fn commit(&mut self, message: &Stored, record: &Record) {
        let Record {
            subject,
            sequence,
            command_id,
            ..
        } = record;
        self.commits += 1;
        match command_of(record) {
            Ok(inside) if inside == *command_id => {}
            Ok(inside) => self.problem(format!(
                "{sequence} on {subject} says that it is of the command {inside}, its header that it is of {command_id}"
            )),
            Err(reason) => self.problem(format!("{sequence} on {subject}: {reason}")),
        }
        let before = self
            .subjects
            .insert(subject.clone(), *sequence)
            .unwrap_or_default();
        let expected = message.header(EXPECTED).and_then(|value| value.parse().ok());
        if expected.is_some_and(|expected: u64| expected != before.0) {
            let expected = expected.unwrap_or_default();
            self.problem(format!(
                "{sequence} on {subject} was decided after {expected}, but the commit before it is {before}"
            ));
        }
        let mut key = [0; 16];
        let digest = Digest::of(format!("{subject} {command_id}").as_bytes());
        key.copy_from_slice(&digest.as_bytes()[..16]);
        if !self.commands.insert(key) {
            self.problem(format!(
                "{sequence} on {subject} is the second commit of the command {command_id}"
            ));
        }
    }

    /// The last message that was taken in.
    pub(super) fn last(&self) -> Sequence {
        self.last
    }

    /// What all of them came to.
    pub(super) fn digest(&self) -> Digest {
        self.fold.digest().1
    }

    /// The first problems.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        let more = (self.uncounted > 0).then(|| format!("and {} more", self.uncounted));
        self.problems.iter().cloned().chain(more)
    }

    pub(super) fn problem_count(&self) -> usize {
        self.problems.len() + self.uncounted
    }

    /// How much there is, and what it comes to.
    pub(super) fn summary(&self) -> String {
        let mut text = format!("{} commits up to sequence {}", self.commits, self.last);
        for (kind, is) in KINDS {
            let count = self
                .subjects
                .keys()
                .filter(|subject| is(&subject.aggregate))
                .count();
            // Writing to a String does not fail.
            let _ = write!(text, ", {count} {kind}");
        }
        let _ = write!(text, "\nfolded: {}", self.digest());
        text
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < SHOWN {
            self.problems.push(problem);
        } else {
            self.uncounted += 1;
        }
    }
}

type Is = fn(&AggregateId) -> bool;
const KINDS: [(&str, Is); 5] = [
    ("sandboxes", |id| matches!(id, AggregateId::Sandbox(_))),
    ("templates", |id| matches!(id, AggregateId::Template(_))),
    ("hosts", |id| matches!(id, AggregateId::Host(_))),
    ("tenants", |id| matches!(id, AggregateId::Tenant(_))),
    ("webhooks", |id| matches!(id, AggregateId::Webhook(_))),
];

/// The command that a commit says it is of.
fn command_of(record: &Record) -> Result<CommandId, Undecodable> {
    fn of<E: Payload>(record: &Record) -> Result<CommandId, Undecodable> {
        Commit::<E>::decode(&record.payload).map(|commit| commit.command_id)
    }
    match record.subject.aggregate {
        AggregateId::Sandbox(_) => of::<SandboxEvent>(record),
        AggregateId::Template(_) => of::<TemplateEvent>(record),
        AggregateId::Host(_) => of::<HostEvent>(record),
        AggregateId::Tenant(_) => of::<TenantEvent>(record),
        AggregateId::Webhook(_) => of::<WebhookEvent>(record),
    }
}
