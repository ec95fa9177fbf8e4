//! Changing a tenant; and what changes of tenants and webhooks have in common.

use std::sync::Arc;

use roost_domain::tenant::Tenant;
use roost_domain::{Aggregate, Rejection};
use roost_journal::port::Delivery;
use roost_schemas::TenantId;
use roost_schemas::command::{ChangeTenant, TenantChange};
use roost_schemas::subject::{EventSubject, Route};

use super::{Obstacle, Routed, Router};
use crate::{Ledger, intake};

impl Router {
    /// Whoever may write commands of the tenant `system` is an operator: nats-server sees to it.
    pub(super) async fn change_tenant(
        &self,
        delivery: &Delivery,
        change: ChangeTenant,
    ) -> Result<Routed, Obstacle> {
        if delivery.subject.tenant != TenantId::system() || delivery.subject.route == Route::Client {
            return Err(Rejection::Forbidden("changing a tenant").into());
        }
        if let TenantChange::CreateKey(key) = &change.change
            && self.fleet.read(|fleet| fleet.is_anothers(key, &change.tenant))
        {
            return Err(Rejection::KeyExists(key.id.clone()).into());
        }
        let subject = EventSubject::tenant(change.tenant.clone());
        self.change::<Tenant>(delivery, subject, change).await
    }

    pub(super) async fn change<A: Aggregate>(
        &self,
        delivery: &Delivery,
        subject: EventSubject,
        command: A::Command,
    ) -> Result<Routed, Obstacle> {
        let mut ledger = Ledger::<A>::load(Arc::clone(&self.journal), subject).await?;
        let envelope = intake::envelope(delivery, command);
        if !ledger.knows(&envelope) {
            intake::in_time(&delivery.message, &*self.clock)?;
        }
        let done = ledger.execute(&envelope).await?;
        Ok(self.accepted(done).await)
    }
}
