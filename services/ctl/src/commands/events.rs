//! `roost events`: what happens.

mod frame;
mod stream;

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;
use serde::Deserialize;
use serde_json::Value;

use super::values::{Pair, query};
use crate::remote::Session;
use frame::{Frame, Printer};

/// Shows what happened, oldest first.
///
/// With --follow it goes on with what happens, across every restart of the gateway, without a gap. With --json each event is
/// one line.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only of this sandbox
    sandbox: Option<SandboxId>,
    /// Go on with what happens
    #[arg(short, long)]
    follow: bool,
    /// Begin after this sequence, or this time, such as `2026-01-31T12:00:00Z`. Default: the beginning; with --follow: now
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// Only of this type, such as `running`; can be given several times, or with commas
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only of sandboxes with this label; can be given several times
    #[arg(short, long = "label", value_name = "KEY=VALUE", conflicts_with = "sandbox")]
    labels: Vec<Pair>,
    /// Of another tenant, or of all for `*`; the operator's key alone may say it
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

/// A part of what happened.
#[derive(Deserialize)]
struct Page {
    events: Vec<Value>,
    next_after: u64,
    more: bool,
}

impl Events {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let mut printer = Printer::new(session.output);
        if self.follow {
            return stream::follow(session, &self, &mut printer).await;
        }
        let mut after = self.after.clone().unwrap_or_else(|| "0".to_owned());
        loop {
            let path = self.path(&[("after", &after), ("limit", "1000")]);
            let page: Page = serde_json::from_value(session.get(&path).await?)?;
            for event in &page.events {
                printer.print(&Frame::deserialize(event)?, event)?;
            }
            if !page.more {
                return Ok(());
            }
            after = page.next_after.to_string();
        }
    }

    /// Where the events wanted are, and from where on.
    fn path(&self, further: &[(&str, &str)]) -> String {
        let types = self.types.join(",");
        let mut pairs: Vec<(String, &str)> = Vec::new();
        if !types.is_empty() {
            pairs.push(("type".to_owned(), &types));
        }
        pairs.extend(
            self.labels
                .iter()
                .map(|Pair(key, value)| (format!("metadata.{key}"), value.as_str())),
        );
        pairs.extend(
            self.tenant
                .iter()
                .map(|tenant| ("tenant".to_owned(), tenant.as_str())),
        );
        pairs.extend(further.iter().map(|(name, value)| ((*name).to_owned(), *value)));
        let path = match &self.sandbox {
            Some(sandbox) => format!("/v1/sandboxes/{sandbox}/events"),
            None => "/v1/events".to_owned(),
        };
        format!("{path}?{}", query(pairs))
    }
}
