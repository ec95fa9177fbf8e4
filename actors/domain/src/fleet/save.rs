//! The fleet in bytes, an entry per aggregate: for checkpoints, and to tell two fleets apart.

use roost_schemas::codec::Undecodable;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{Digest, TenantId};
use serde::Serialize;

use super::{Fleet, View};

impl Fleet {
    /// An aggregate's view in bytes, for a checkpoint; nothing if there is none.
    pub fn save(&self, subject: &EventSubject) -> Option<Vec<u8>> {
        match &subject.aggregate {
            AggregateId::Sandbox(id) => self.sandbox(&subject.tenant, id).map(bytes),
            AggregateId::Template(name) => {
                let key = (subject.tenant.clone(), name.clone());
                self.templates.get(&key).map(bytes)
            }
            AggregateId::Host(id) => self.hosts.get(id).map(bytes),
            AggregateId::Tenant(id) => self.tenants.get(id).map(bytes),
            AggregateId::Webhook(id) => self.webhook(&subject.tenant, id).map(bytes),
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
            AggregateId::Tenant(id) => {
                self.forget_keys(id);
                self.tenants
                    .insert(id.clone(), roost_schemas::codec::decode(WHAT, bytes)?);
                self.index_keys(id);
            }
            AggregateId::Webhook(id) => {
                let key = (subject.tenant.clone(), id.clone());
                self.webhooks
                    .insert(key, roost_schemas::codec::decode(WHAT, bytes)?);
            }
        }
        Ok(())
    }

    /// The digest of all that it holds. Two readers of the same release that folded the same commits have the same one;
    /// another release may keep more of them.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        let mut add = |subject: &EventSubject, entry: &[u8]| {
            for part in [subject.to_string().as_bytes(), entry] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        };
        for ((tenant, id), view) in &self.sandboxes {
            add(&subject(tenant, AggregateId::Sandbox(id.clone())), &bytes(view));
        }
        for ((tenant, name), view) in &self.templates {
            add(
                &subject(tenant, AggregateId::Template(name.clone())),
                &bytes(view),
            );
        }
        for (id, view) in &self.hosts {
            let subject = subject(&TenantId::system(), AggregateId::Host(id.clone()));
            add(&subject, &bytes(view));
        }
        for (id, view) in &self.tenants {
            add(&EventSubject::tenant(id.clone()), &bytes(view));
        }
        for ((tenant, id), view) in &self.webhooks {
            add(&EventSubject::webhook(tenant.clone(), id.clone()), &bytes(view));
        }
        for (subject, unreadable) in &self.unreadable {
            add(subject, &unreadable.sequence.0.to_le_bytes());
        }
        hasher.finalize().into()
    }
}

fn subject(tenant: &TenantId, aggregate: AggregateId) -> EventSubject {
    EventSubject {
        tenant: tenant.clone(),
        aggregate,
    }
}

fn bytes<A: Serialize>(view: &View<A>) -> Vec<u8> {
    roost_schemas::codec::encode(view)
}
