//! Changing a webhook: its tenant's, within what webhooks may be and how many a tenant may have.

use roost_domain::Rejection;
use roost_domain::webhook::{Command, MAX_WEBHOOKS, Webhook, check_spec};
use roost_journal::port::Delivery;
use roost_schemas::command::{ChangeWebhook, WebhookChange};
use roost_schemas::subject::EventSubject;
use roost_schemas::{TenantId, WebhookId};

use super::{Obstacle, Routed, Router};

impl Router {
    pub(super) async fn change_webhook(
        &self,
        delivery: &Delivery,
        change: ChangeWebhook,
    ) -> Result<Routed, Obstacle> {
        let ChangeWebhook { webhook, change } = change;
        let tenant = &delivery.subject.tenant;
        if *tenant == TenantId::system() {
            return Err(Rejection::Forbidden("a webhook of no tenant").into());
        }
        if let WebhookChange::Create(spec) = &change {
            check_spec(spec, &self.targets)?;
            self.check_room(tenant, &webhook)?;
        }
        let subject = EventSubject::webhook(tenant.clone(), webhook);
        self.change::<Webhook>(delivery, subject, Command::Change(change))
            .await
    }

    /// Refuses one more than a tenant may have. One command is routed at a time, and shows in the fleet before the next.
    fn check_room(&self, tenant: &TenantId, new: &WebhookId) -> Result<(), Rejection> {
        let others = self.fleet.read(|fleet| {
            let telling = fleet
                .webhooks()
                .filter(|(owner, id, view)| *owner == tenant && *id != new && view.state.tells().is_some());
            telling.count()
        });
        if others < MAX_WEBHOOKS {
            return Ok(());
        }
        Err(Rejection::TooMany {
            what: "webhooks",
            limit: MAX_WEBHOOKS,
        })
    }
}
