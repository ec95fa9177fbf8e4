//! `roost pause`: sandboxes that stand still and cost nothing but disk.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;
use serde_json::Value;

use super::many::each;
use crate::remote::Session;

/// Pauses sandboxes.
///
/// Memory, disk and programs are kept as they are, and go on with `roost resume`.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The sandboxes
    #[arg(required = true)]
    sandboxes: Vec<SandboxId>,
}

impl Pause {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        each(session, "pausing", "paused", &self.sandboxes, async |sandbox| {
            let path = format!("/v1/sandboxes/{sandbox}/pause");
            session.post(&path, &Value::Null).await
        })
        .await
    }
}
