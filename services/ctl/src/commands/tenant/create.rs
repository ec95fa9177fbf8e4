//! `roost tenant create`: another tenant.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::limits::Limits;
use crate::output::note;
use crate::remote::Session;

/// Makes a tenant.
///
/// `roost key create --tenant` gives it a key.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What to call it
    id: String,
    #[command(flatten)]
    limits: Limits,
}

impl Create {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let body = json!({"id": self.id, "limits": self.limits});
        let tenant = session.post("/v1/tenants", &body).await?;
        session.output.print(&tenant, |to| {
            note(format!(
                "`roost key create NAME --tenant {}` makes a key for it",
                self.id
            ));
            writeln!(to, "{}", self.id)
        })
    }
}
