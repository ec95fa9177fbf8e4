//! `roost get`: all that is known of a sandbox.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;

use crate::output::json;
use crate::remote::Session;

/// Shows all that is known of a sandbox, as JSON.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The sandbox
    sandbox: SandboxId,
}

impl Get {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let sandbox = session.get(&format!("/v1/sandboxes/{}", self.sandbox)).await?;
        json(&sandbox)
    }
}
