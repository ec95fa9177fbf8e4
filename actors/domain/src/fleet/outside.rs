//! Who acts from outside, and who is told: tenants and webhooks.

use roost_schemas::{SandboxId, TenantId, WebhookId};

use super::{Fleet, View};
use crate::tenant::Tenant;
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
