//! The fleet: one read model of every sandbox, template, host, tenant and webhook, folded from the whole log.
//!
//! The gateway answers reads from it, the router places by it, the reconciler plans on it.

mod outside;
mod save;
mod unreadable;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::codec::Undecodable;
use roost_schemas::event::TemplateRegistered as Registered;
use roost_schemas::spec::Resources;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::tenant::KeyHash;
use roost_schemas::{HostId, KeyId, SandboxId, Sequence, SnapshotId, TemplateName, TenantId, WebhookId};

pub use unreadable::Unreadable;
pub use view::View;
use view::fold;

use crate::host::Host;
use crate::sandbox::{Phase, Sandbox};
use crate::template::Template;
use crate::tenant::Tenant;
use crate::webhook::Webhook;

/// Everything there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    sandboxes: BTreeMap<(TenantId, SandboxId), View<Sandbox>>,
    /// The keys of those that have not ended, so that placing and planning cost nothing for history.
    live: BTreeSet<(TenantId, SandboxId)>,
    /// Those that have, or had, sandboxes.
    owners: BTreeSet<TenantId>,
    templates: BTreeMap<(TenantId, TemplateName), View<Template>>,
    hosts: BTreeMap<HostId, View<Host>>,
    tenants: BTreeMap<TenantId, View<Tenant>>,
    /// Whose key has this hash, those too that admit nobody any more.
    keys: BTreeMap<KeyHash, (TenantId, KeyId)>,
    webhooks: BTreeMap<(TenantId, WebhookId), View<Webhook>>,
    /// Those that stand still.
    unreadable: BTreeMap<EventSubject, Unreadable>,
}

impl Fleet {
    /// Folds in the commit at `sequence` of `subject`; one that is already in changes nothing.
    ///
    /// One that cannot be decoded lets its aggregate stand still from here on: what follows it is not folded. The error is
    /// for an alarm; the others go on.
    pub fn apply(
        &mut self,
        subject: &EventSubject,
        sequence: Sequence,
        payload: &[u8],
    ) -> Result<(), Undecodable> {
        if !self.unreadable.is_empty() && self.unreadable.contains_key(subject) {
            return Ok(());
        }
        let folded = self.fold(subject, sequence, payload);
        if let Err(reason) = &folded {
            self.hold(subject, sequence, reason.to_string());
        }
        folded
    }

    fn fold(
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
            AggregateId::Tenant(id) => {
                self.forget_keys(id);
                let folded = fold(&mut self.tenants, id.clone(), sequence, payload);
                self.index_keys(id);
                folded
            }
            AggregateId::Webhook(id) => {
                let key = (subject.tenant.clone(), id.clone());
                fold(&mut self.webhooks, key, sequence, payload)
            }
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

    /// Those of them that are of `tenant`.
    pub fn live_of(&self, tenant: &TenantId) -> impl Iterator<Item = (&SandboxId, &View<Sandbox>)> {
        let first = (tenant.clone(), SandboxId::least());
        let own = self.live.range(first..).take_while(move |key| key.0 == *tenant);
        own.filter_map(|key| Some((&key.1, self.sandboxes.get(key)?)))
    }

    /// Whether another tenant than `tenant` has, or had, a sandbox of this id.
    pub fn has_elsewhere(&self, tenant: &TenantId, id: &SandboxId) -> bool {
        let mut others = self.owners.iter().filter(|other| *other != tenant);
        others.any(|other| self.sandboxes.contains_key(&(other.clone(), id.clone())))
    }

    fn index(&mut self, key: (TenantId, SandboxId)) {
        if !self.owners.contains(&key.0) {
            self.owners.insert(key.0.clone());
        }
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
            view.filter(|view| view.state.is_there() && self.unreadable_template(tenant, name).is_none())
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

    /// MiB that the drive of a sandbox from this template may grow to; of an image whose host does not tell, the bytes of
    /// the image. A template that is gone is taken for the largest there is.
    pub fn drive_mb(&self, tenant: &TenantId, template: &TemplateName) -> u64 {
        let image = |name: &TemplateName| self.template(tenant, name)?.state.registered.as_ref();
        let base = || image(&self.template(tenant, template)?.state.saved.as_ref()?.base);
        let bytes = |image: &Registered| image.drive_bytes.unwrap_or(image.bytes);
        let largest = || {
            let images = self.templates.values();
            images
                .filter_map(|view| view.state.registered.as_ref())
                .map(bytes)
                .max()
        };
        let known = image(template).or_else(base).map(bytes);
        known.or_else(largest).unwrap_or_default().div_ceil(1 << 20)
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
}
