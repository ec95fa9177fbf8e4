//! `roost rm`: the end of sandboxes.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;

use super::many::each;
use crate::remote::Session;

/// Ends sandboxes for good, with everything that is in them.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The sandboxes
    #[arg(required = true)]
    sandboxes: Vec<SandboxId>,
}

impl Rm {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        each(session, "ending", "ended", &self.sandboxes, async |sandbox| {
            session.delete(&format!("/v1/sandboxes/{sandbox}")).await
        })
        .await
    }
}
