//! Aggregates that stand still because a commit of theirs cannot be read.
//!
//! Nothing is known of such a one but what it was before, so nobody may act on it. The others do not need that commit.

use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{HostId, SandboxId, Sequence, TemplateName, TenantId};

use super::Fleet;

/// Why an aggregate stands still.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("commit {sequence} cannot be read, so what came of it is not known: {reason}")]
pub struct Unreadable {
    /// The first commit that cannot be read.
    pub sequence: Sequence,
    /// What is wrong with it.
    pub reason: String,
}

impl Fleet {
    /// Lets `subject` stand still because of what stands at `sequence`. Only the first reason counts.
    pub fn hold(&mut self, subject: &EventSubject, sequence: Sequence, reason: String) {
        let unreadable = Unreadable { sequence, reason };
        self.unreadable.entry(subject.clone()).or_insert(unreadable);
    }

    /// Why `subject` stands still, if it does.
    pub fn unreadable(&self, subject: &EventSubject) -> Option<&Unreadable> {
        self.unreadable.get(subject)
    }

    /// Why a sandbox stands still, if it does.
    pub fn unreadable_sandbox(&self, tenant: &TenantId, id: &SandboxId) -> Option<&Unreadable> {
        if self.unreadable.is_empty() {
            return None;
        }
        self.unreadable(&EventSubject::sandbox(tenant.clone(), id.clone()))
    }

    /// Why a template stands still, if it does.
    pub fn unreadable_template(&self, tenant: &TenantId, name: &TemplateName) -> Option<&Unreadable> {
        if self.unreadable.is_empty() {
            return None;
        }
        self.unreadable(&EventSubject {
            tenant: tenant.clone(),
            aggregate: AggregateId::Template(name.clone()),
        })
    }

    /// Why a host stands still, if it does.
    pub fn unreadable_host(&self, id: &HostId) -> Option<&Unreadable> {
        if self.unreadable.is_empty() {
            return None;
        }
        self.unreadable(&EventSubject {
            tenant: TenantId::system(),
            aggregate: AggregateId::Host(id.clone()),
        })
    }

    /// Everything that stands still, and why.
    pub fn all_unreadable(&self) -> impl Iterator<Item = (&EventSubject, &Unreadable)> {
        self.unreadable.iter()
    }
}
