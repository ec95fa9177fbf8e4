//! `roost webhook create`: events to a URL.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::commands::values::{Pair, object};
use crate::output::note;
use crate::remote::Session;

/// Has events posted to a URL from now on, and prints the webhook's id.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Where to: http or https, at a public address
    #[arg(value_name = "URL")]
    target: String,
    /// Types of events, such as `running`; can be given several times, or with commas. Default: all
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only of sandboxes with this label; can be given several times
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Pair>,
}

impl Create {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let body = json!({"url": self.target, "types": self.types, "metadata": object(self.labels)});
        let webhook = session.post("/v1/webhooks", &body).await?;
        session.output.print(&webhook, |to| {
            note(format!(
                "signed with {}",
                webhook["secret"].as_str().unwrap_or_default()
            ));
            writeln!(to, "{}", webhook["id"].as_str().unwrap_or_default())
        })
    }
}
