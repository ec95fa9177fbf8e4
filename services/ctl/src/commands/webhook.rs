//! `roost webhook`: where events are posted to.

mod create;
mod dead;
mod ls;

use anyhow::Result;
use clap::{Args, Subcommand};
use roost_schemas::WebhookId;

use super::many::each;
use crate::output::json;
use crate::remote::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    Create(create::Create),
    Ls(ls::Ls),
    Get(Get),
    Rm(Rm),
    Secret(Secret),
    Dead(dead::Dead),
    Redeliver(dead::Redeliver),
}

impl Webhook {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::Ls(ls) => ls.run(session).await,
            Self::Get(Get { webhook }) => json(&session.get(&format!("/v1/webhooks/{webhook}")).await?),
            Self::Rm(rm) => rm.run(session).await,
            Self::Secret(secret) => secret.run(session).await,
            Self::Dead(dead) => dead.run(session).await,
            Self::Redeliver(redeliver) => redeliver.run(session).await,
        }
    }
}

/// Shows all that is known of a webhook, as JSON.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The webhook
    webhook: WebhookId,
}

/// Removes webhooks.
///
/// What was not delivered yet is not.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The webhooks
    #[arg(required = true)]
    webhooks: Vec<WebhookId>,
}

impl Rm {
    async fn run(self, session: &Session) -> Result<()> {
        each(session, "removing", "removed", &self.webhooks, async |id| {
            session.delete(&format!("/v1/webhooks/{id}")).await
        })
        .await
    }
}

/// Prints the secret that a webhook's posts are signed with.
///
/// They are signed as the Standard Webhooks specification says.
#[derive(Debug, Args)]
pub(crate) struct Secret {
    /// The webhook
    webhook: WebhookId,
}

impl Secret {
    async fn run(self, session: &Session) -> Result<()> {
        let answer = session
            .get(&format!("/v1/webhooks/{}/secret", self.webhook))
            .await?;
        session.output.print(&answer, |to| {
            writeln!(to, "{}", answer["secret"].as_str().unwrap_or_default())
        })
    }
}
