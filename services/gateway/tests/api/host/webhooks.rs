//! Changing webhooks, as the router does it.

use roost_domain::Rejection;
use roost_domain::webhook::{Command, MAX_WEBHOOKS, Targets, Webhook, check_spec};
use roost_schemas::CommandId;
use roost_schemas::command::{ChangeWebhook, WebhookChange};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::EventSubject;

use super::{Script, execute};

impl Script {
    pub(super) async fn change_webhook(&self, command_id: CommandId, change: ChangeWebhook) -> Reply {
        match self.try_change(command_id, change).await {
            Ok(accepted) => Reply::Accepted(accepted),
            Err(rejection) => Reply::Rejected(rejection.into()),
        }
    }

    async fn try_change(&self, command_id: CommandId, change: ChangeWebhook) -> Result<Accepted, Rejection> {
        let ChangeWebhook { webhook, change } = change;
        if let WebhookChange::Create(spec) = &change {
            check_spec(spec, &Targets::default())?;
            let others = self.ports.fleet.read(|fleet| {
                let telling = fleet.webhooks().filter(|(tenant, id, view)| {
                    **tenant == self.tenant && **id != webhook && view.state.tells().is_some()
                });
                telling.count()
            });
            if others >= MAX_WEBHOOKS {
                return Err(Rejection::TooMany {
                    what: "webhooks",
                    limit: MAX_WEBHOOKS,
                });
            }
        }
        let subject = EventSubject::webhook(self.tenant.clone(), webhook);
        let (sequence, _) =
            execute::<Webhook>(&self.ports, subject, command_id, Command::Change(change)).await?;
        let state = "telling".into();
        Ok(Accepted { sequence, state })
    }
}
