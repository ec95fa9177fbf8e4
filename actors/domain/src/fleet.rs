//! The fleet: one read model of every sandbox, template and host, folded from the whole log.
//!
//! The gateway answers reads from it, the router places by it, the reconciler plans on it.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::codec::Undecodable;
use roost_schemas::commit::Commit;
use roost_schemas::event::Payload;
use roost_schemas::spec::Resources;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{HostId, SandboxId, Sequence, SnapshotId, TemplateName, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Aggregate;
use crate::host::Host;
use crate::sandbox::{Phase, Sandbox};
use crate::template::Template;

/// An aggregate's state as a reader sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View<A> {
    /// The state.
    pub state: A,
    /// When its first command was issued.
    pub created_at: Timestamp,
    /// When its last one was.
    pub updated_at: Timestamp,
    /// Where its last commit stands.
    pub sequence: Sequence,
}

impl<A: Aggregate> View<A> {
    fn apply(&mut self, sequence: Sequence, payload: &[u8]) -> Result<(), Undecodable> {
        if sequence <= self.sequence {
            return Ok(());
        }
        let commit = Commit::<A::Event>::decode(payload)?;
        for event in &commit.events {
            self.state.evolve(event);
        }
        if self.sequence == Sequence::default() {
            self.created_at = commit.at;
        }
        self.updated_at = commit.at;
        self.sequence = sequence;
        Ok(())
    }
}

/// Everything there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    sandboxes: BTreeMap<(TenantId, SandboxId), View<Sandbox>>,
    /// The keys of those that have not ended, so that placing and planning cost nothing for history.
    live: BTreeSet<(TenantId, SandboxId)>,
    templates: BTreeMap<(TenantId, TemplateName), View<Template>>,
    hosts: BTreeMap<HostId, View<Host>>,
}

impl Fleet {
    /// Folds in the commit at `sequence` of `subject`; one that is already in changes nothing, and neither does one that
    /// cannot be decoded.
    pub fn apply(
        &mut self,
        subject: &EventSubject,
        sequence: Sequence,
        payload: &[u8],
    ) -> Result<(), Undecodable> {
        match &subject.aggregate {
            AggregateId::Sandbox(id) => {
                let key = (subject.tenant.clone(), id.clone());
                fold(&mut self.sandboxes, key.clone(), sequence, payload)?;
                self.index(key);
                Ok(())
            }
            AggregateId::Template(name) => {
                let key = (subject.tenant.clone(), name.clone());
                fold(&mut self.templates, key, sequence, payload)
            }
            // Hosts are the system's; what a tenant says of such is not of this fleet.
            AggregateId::Host(_) if subject.tenant != TenantId::system() => Ok(()),
            AggregateId::Host(id) => fold(&mut self.hosts, id.clone(), sequence, payload),
        }
    }

    /// One sandbox, if `tenant` has it.
    pub fn sandbox(&self, tenant: &TenantId, id: &SandboxId) -> Option<&View<Sandbox>> {
        self.sandboxes.get(&(tenant.clone(), id.clone()))
    }

    /// Every sandbox of every tenant, ended ones too, in order of tenant and id.
    pub fn sandboxes(&self) -> impl Iterator<Item = (&TenantId, &SandboxId, &View<Sandbox>)> {
        self.sandboxes
            .iter()
            .map(|((tenant, id), view)| (tenant, id, view))
    }

    /// Those of them that have not ended.
    pub fn live(&self) -> impl Iterator<Item = (&TenantId, &SandboxId, &View<Sandbox>)> {
        self.live
            .iter()
            .filter_map(|key| Some((&key.0, &key.1, self.sandboxes.get(key)?)))
    }

    fn index(&mut self, key: (TenantId, SandboxId)) {
        if self
            .sandboxes
            .get(&key)
            .is_some_and(|view| view.state.phase.is_end())
        {
            self.live.remove(&key);
        } else {
            self.live.insert(key);
        }
    }

    /// The template that `tenant` means by `name`: one that everybody has, else its own.
    pub fn template(&self, tenant: &TenantId, name: &TemplateName) -> Option<&View<Template>> {
        let of = |tenant: &TenantId| {
            let view = self.templates.get(&(tenant.clone(), name.clone()));
            view.filter(|view| view.state.is_there())
        };
        of(&TenantId::system()).or_else(|| of(tenant))
    }

    /// Every template that `tenant` can start from, its own last.
    pub fn templates<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> impl Iterator<Item = (&'a TemplateName, &'a View<Template>)> {
        let of = move |tenant: TenantId| {
            let there = self.templates.iter().filter(|(_, view)| view.state.is_there());
            there.filter_map(move |((owner, name), view)| (*owner == tenant).then_some((name, view)))
        };
        let own = of(tenant.clone()).filter(|_| *tenant != TenantId::system());
        of(TenantId::system()).chain(own)
    }

    /// Everything in the store of `host` that the log refers to: a snapshot that is not among it belongs to nobody,
    /// unless it was sealed after what is folded here.
    pub fn references(&self, host: &HostId) -> BTreeSet<SnapshotId> {
        let here = |view: &View<Sandbox>| {
            view.state
                .placed
                .as_ref()
                .is_some_and(|placed| placed.host == *host)
        };
        let sandboxes = self.live().filter(|(_, _, view)| here(view));
        let of_sandboxes = sandboxes.flat_map(|(_, _, view)| view.state.references().cloned());
        let saved = self
            .templates
            .values()
            .filter_map(|view| view.state.saved.as_ref());
        let of_templates = saved
            .filter(|saved| saved.snapshot.host == *host)
            .map(|saved| saved.snapshot.id.clone());
        of_sandboxes.chain(of_templates).collect()
    }

    /// Every host.
    pub fn hosts(&self) -> impl Iterator<Item = (&HostId, &View<Host>)> + Clone {
        self.hosts.iter()
    }

    /// What the sandboxes on `host` together use, and how many they are. Paused ones use nothing but their host's disk.
    pub fn used(&self, host: &HostId) -> (Resources, u32) {
        let none = (
            Resources {
                vcpus: 0,
                memory_mb: 0,
            },
            0,
        );
        let on_host = |view: &&View<Sandbox>| {
            view.state
                .placed
                .as_ref()
                .is_some_and(|placed| placed.host == *host)
                && view.state.phase != Phase::Paused
        };
        self.live()
            .map(|(_, _, view)| view)
            .filter(on_host)
            .fold(none, |(sum, count), view| {
                let mine = view
                    .state
                    .requested
                    .as_ref()
                    .map_or(none.0, |requested| requested.resources);
                let sum = Resources {
                    vcpus: sum.vcpus.saturating_add(mine.vcpus),
                    memory_mb: sum.memory_mb.saturating_add(mine.memory_mb),
                };
                (sum, count + 1)
            })
    }

    /// An aggregate's view in bytes, for a checkpoint; nothing if there is none.
    pub fn save(&self, subject: &EventSubject) -> Option<Vec<u8>> {
        fn bytes<A: Serialize>(view: &View<A>) -> Vec<u8> {
            roost_schemas::codec::encode(view)
        }
        match &subject.aggregate {
            AggregateId::Sandbox(id) => self.sandbox(&subject.tenant, id).map(bytes),
            AggregateId::Template(name) => {
                let key = (subject.tenant.clone(), name.clone());
                self.templates.get(&key).map(bytes)
            }
            AggregateId::Host(id) => self.hosts.get(id).map(bytes),
        }
    }

    /// Takes back what [`Fleet::save`] gave.
    pub fn restore(&mut self, subject: &EventSubject, bytes: &[u8]) -> Result<(), Undecodable> {
        const WHAT: &str = "checkpoint entry";
        match &subject.aggregate {
            AggregateId::Sandbox(id) => {
                let key = (subject.tenant.clone(), id.clone());
                self.sandboxes
                    .insert(key.clone(), roost_schemas::codec::decode(WHAT, bytes)?);
                self.index(key);
            }
            AggregateId::Template(name) => {
                let key = (subject.tenant.clone(), name.clone());
                self.templates
                    .insert(key, roost_schemas::codec::decode(WHAT, bytes)?);
            }
            AggregateId::Host(id) => {
                self.hosts
                    .insert(id.clone(), roost_schemas::codec::decode(WHAT, bytes)?);
            }
        }
        Ok(())
    }
}

/// Folds a commit into one entry; an undecodable one leaves no trace.
fn fold<K: Ord, A: Aggregate>(
    views: &mut BTreeMap<K, View<A>>,
    key: K,
    sequence: Sequence,
    payload: &[u8],
) -> Result<(), Undecodable>
where
    A::Event: Payload,
    View<A>: Default,
{
    if let Some(view) = views.get_mut(&key) {
        return view.apply(sequence, payload);
    }
    let mut view = View::default();
    view.apply(sequence, payload)?;
    views.insert(key, view);
    Ok(())
}
