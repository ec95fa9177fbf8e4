//! `roost timeout`: when a sandbox ends by itself.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;
use serde_json::json;

use super::values::Seconds;
use crate::output::note;
use crate::remote::Session;

/// Sets how long a sandbox runs from now on until its time is over.
#[derive(Debug, Args)]
pub(crate) struct Timeout {
    /// The sandbox
    sandbox: SandboxId,
    /// How long, such as `90s`, `10m` or `2h`
    time: Seconds,
}

impl Timeout {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/sandboxes/{}/timeout", self.sandbox);
        let sandbox = session.post(&path, &json!({"timeout_sec": self.time.0})).await?;
        session.output.print(&sandbox, |_| {
            note(format!(
                "ends at {}",
                sandbox["expires_at"].as_str().unwrap_or("no time")
            ));
            Ok(())
        })
    }
}
