//! Changing a webhook.

use roost_domain::fleet::View;
use roost_domain::webhook::Webhook;
use roost_schemas::command::{ChangeWebhook, SandboxCommand, WebhookChange};
use roost_schemas::event::{RedeliveryAsked, WebhookEvent};
use roost_schemas::subject::{CommandSubject, EventSubject, Route};
use roost_schemas::{SandboxId, Sequence, WebhookId};

use crate::error::ApiError;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// In a sandbox's place, where a command is about a webhook.
const WEBHOOKS: &str = "webhooks";

impl Gateway {
    /// Lets `change` take effect on a webhook of the caller's tenant, and waits until reads show it. Its place in the log,
    /// and the webhook as it was there.
    pub(crate) async fn change_webhook(
        &self,
        key: &CommandKey,
        webhook: WebhookId,
        change: WebhookChange,
    ) -> Result<(Sequence, View<Webhook>), ApiError> {
        let log = EventSubject::webhook(self.tenant().clone(), webhook.clone());
        let subject = CommandSubject {
            tenant: self.tenant().clone(),
            route: Route::Any,
            sandbox: SandboxId::new(WEBHOOKS).expect("letters only"),
        };
        let command = SandboxCommand::Webhook(ChangeWebhook {
            webhook,
            change: change.clone(),
        });
        let sequence = self.ask(&subject, &log, key, &command).await??;
        self.reach(sequence).await?;
        self.check_same(&log, key, sequence, |event| leads_to(&change, event))
            .await?;
        Ok((sequence, self.fold_to(&log, sequence).await?))
    }

    /// The webhook of the caller's tenant that reads show.
    pub(crate) fn webhook<R>(
        &self,
        id: &WebhookId,
        look: impl FnOnce(&View<Webhook>) -> Option<R>,
    ) -> Result<R, ApiError> {
        let found = self.fleet().read(|fleet| {
            let view = fleet.webhook(self.tenant(), id)?;
            view.state.tells()?;
            look(view)
        });
        found.ok_or_else(|| ApiError::no_webhook(id))
    }
}

/// Whether `change` leads to `event`.
fn leads_to(change: &WebhookChange, event: &WebhookEvent) -> bool {
    match (change, event) {
        (WebhookChange::Create(asked), WebhookEvent::Created(spec)) => asked == spec,
        (WebhookChange::Redeliver(asked), WebhookEvent::RedeliveryAsked(RedeliveryAsked { sequence })) => {
            asked == sequence
        }
        (WebhookChange::Delete, WebhookEvent::Deleted) => true,
        _ => false,
    }
}
