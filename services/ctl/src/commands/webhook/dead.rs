//! `roost webhook dead` and `redeliver`: what could not be delivered.

use anyhow::Result;
use clap::Args;
use roost_schemas::WebhookId;
use serde::Deserialize;
use serde_json::Value;

use crate::commands::many::each;
use crate::output::{Cell, Table};
use crate::remote::Session;

/// Lists what could not be delivered and was put aside.
#[derive(Debug, Args)]
pub(crate) struct Dead {
    /// The webhook
    webhook: WebhookId,
}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    sequence: u64,
    sandbox: String,
    attempts: u32,
    reason: String,
    asked: bool,
}

impl Dead {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let answer = session.get(&letters(&self.webhook)).await?;
        let rows = Vec::<Row>::deserialize(&answer["dead_letters"])?;
        let mut table = Table::new(["SEQUENCE", "SANDBOX", "ATTEMPTS", "AGAIN", "REASON"]);
        for row in rows {
            table.row([
                Cell::number(&row.sequence),
                row.sandbox.into(),
                Cell::number(&row.attempts),
                Cell::maybe(row.asked.then_some("yes")),
                row.reason.into(),
            ]);
        }
        session
            .output
            .print(&answer["dead_letters"], |to| table.write(to))
    }
}

/// Tries once more what could not be delivered.
#[derive(Debug, Args)]
pub(crate) struct Redeliver {
    /// The webhook
    webhook: WebhookId,
    /// The sequences, as `roost webhook dead` has them
    #[arg(required = true)]
    sequences: Vec<u64>,
}

impl Redeliver {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        each(
            session,
            "asking for",
            "asked for",
            &self.sequences,
            async |sequence| {
                let path = format!("{}/{sequence}/redeliver", letters(&self.webhook));
                session.post(&path, &Value::Null).await
            },
        )
        .await
    }
}

fn letters(webhook: &WebhookId) -> String {
    format!("/v1/webhooks/{webhook}/dead-letters")
}
