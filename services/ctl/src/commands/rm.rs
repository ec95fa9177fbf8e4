//! `roost rm`: the end of sandboxes.

use anyhow::Result;
use clap::Args;

use super::many::each;
use crate::remote::Session;

/// Ends sandboxes for good, with everything that is in them.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The sandboxes
    #[arg(required = true)]
    sandboxes: Vec<String>,
}

impl Rm {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        each("ending", "ended", &self.sandboxes, async |sandbox| {
            session.delete(&format!("/v1/sandboxes/{sandbox}")).await
        })
        .await
    }
}
