//! `roost snapshot create`: a template of a sandbox as it is now.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;
use serde_json::json;

use crate::output::waiting;
use crate::remote::Session;

/// Makes a template of a sandbox as it is now, and prints its name.
///
/// It has the sandbox's memory, its disk and what runs in it. The sandbox goes on as it was.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The sandbox
    sandbox: SandboxId,
    /// What to call it. Default: a name that no other has
    name: Option<String>,
}

impl Create {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let body = json!({"sandbox_id": self.sandbox, "name": self.name});
        let what = format!("making a snapshot of {}", self.sandbox);
        let snapshot = waiting(what, session.post("/v1/snapshots", &body)).await?;
        session.output.print(&snapshot, |to| {
            writeln!(to, "{}", snapshot["name"].as_str().unwrap_or_default())
        })
    }
}
