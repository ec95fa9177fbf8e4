//! `roost resume`: paused sandboxes that go on.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;
use serde_json::{Value, json};

use super::many::each;
use super::values::Seconds;
use crate::remote::Session;

/// Lets paused sandboxes go on where they stood.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// For how long they are to run. Default: as long as when they were made
    #[arg(long, value_name = "TIME")]
    timeout: Option<Seconds>,
    /// The sandboxes
    #[arg(required = true)]
    sandboxes: Vec<SandboxId>,
}

impl Resume {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let body = self
            .timeout
            .map_or(Value::Null, |Seconds(seconds)| json!({"timeout_sec": seconds}));
        each(session, "resuming", "resumed", &self.sandboxes, async |sandbox| {
            let path = format!("/v1/sandboxes/{sandbox}/resume");
            session.post(&path, &body).await
        })
        .await
    }
}
