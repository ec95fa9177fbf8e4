//! Who acts from outside, and who is told: tenants and webhooks.

use roost_schemas::tenant::{Key, KeyHash};
use roost_schemas::{SandboxId, TenantId, WebhookId};

use super::{Fleet, View};
use crate::tenant::{Held, Tenant};
use crate::webhook::Webhook;

impl Fleet {
    /// One tenant, if the log has heard of it.
    pub fn tenant(&self, id: &TenantId) -> Option<&View<Tenant>> {
        self.tenants.get(id)
    }

    /// Every tenant that was created.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &View<Tenant>)> {
        self.tenants.iter().filter(|(_, view)| view.state.is_there())
    }

    /// Whether `id` can have sandboxes: it was created, or needs not be.
    pub fn has_tenant(&self, id: &TenantId) -> bool {
        *id == TenantId::first() || self.tenant(id).is_some_and(|view| view.state.is_there())
    }

    /// The key with this hash, and whose it is; whether it admits anybody is for [`Held::admits`] to say.
    pub fn key(&self, hash: &KeyHash) -> Option<(&TenantId, &Held)> {
        let (tenant, id) = self.keys.get(hash)?;
        let held = self.tenants.get(tenant)?.state.keys.get(id)?;
        Some((tenant, held))
    }

    /// Whether a key with the hash of `key` was made before, for another tenant than `tenant` or under another id: one hash
    /// stands for one holder.
    pub fn is_anothers(&self, key: &Key, tenant: &TenantId) -> bool {
        let known = self.keys.get(&key.hash);
        known.is_some_and(|(of, id)| of != tenant || *id != key.id)
    }

    /// Takes the keys of `id` off the index, because they are about to change.
    pub(super) fn forget_keys(&mut self, id: &TenantId) {
        let view = self.tenants.get(id);
        for held in view.iter().flat_map(|view| view.state.keys.values()) {
            self.keys.remove(&held.key.hash);
        }
    }

    pub(super) fn index_keys(&mut self, id: &TenantId) {
        let view = self.tenants.get(id);
        for (key, held) in view.iter().flat_map(|view| &view.state.keys) {
            self.keys.insert(held.key.hash, (id.clone(), key.clone()));
        }
    }

    /// Whose sandbox `id` is, or was. No two tenants have one of the same id.
    pub fn owner(&self, id: &SandboxId) -> Option<&TenantId> {
        let mut owners = self.owners.iter();
        owners.find(|owner| self.sandboxes.contains_key(&((*owner).clone(), id.clone())))
    }

    /// One webhook, if `tenant` has it, or had.
    pub fn webhook(&self, tenant: &TenantId, id: &WebhookId) -> Option<&View<Webhook>> {
        self.webhooks.get(&(tenant.clone(), id.clone()))
    }

    /// Every webhook of every tenant, deleted ones too.
    pub fn webhooks(&self) -> impl Iterator<Item = (&TenantId, &WebhookId, &View<Webhook>)> {
        self.webhooks
            .iter()
            .map(|((tenant, id), view)| (tenant, id, view))
    }
}
