//! `roost key create`: a key for somebody.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::Owner;
use crate::commands::values::Seconds;
use crate::output::note;
use crate::remote::Session;

/// Makes a key and prints it.
///
/// Nobody can show it again.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What to call it
    name: String,
    /// What its holder may do
    #[arg(long, default_value = "run")]
    scope: Scope,
    /// After what time it ends by itself, such as `30d`. Default: never
    #[arg(long, value_name = "TIME")]
    expires: Option<Seconds>,
    #[command(flatten)]
    owner: Owner,
}

/// What a key lets its holder do; each includes those before it.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// See what there is and follow what happens
    Read,
    /// Make and use sandboxes
    Run,
    /// Make and revoke keys and webhooks
    Admin,
}

impl Create {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let expires_at = self.expires.map(at).transpose()?;
        let body = json!({"name": self.name, "scope": self.scope, "expires_at": expires_at.map(|at| at.to_string())});
        let key = session.post(&self.owner.path("/v1/keys"), &body).await?;
        session.output.print(&key, |to| {
            note(format!(
                "key {}; it is shown this once",
                key["id"].as_str().unwrap_or_default()
            ));
            writeln!(to, "{}", key["key"].as_str().unwrap_or_default())
        })
    }
}

/// The time so long from now.
fn at(Seconds(seconds): Seconds) -> Result<Timestamp> {
    let span = i64::try_from(seconds).ok().map(SignedDuration::from_secs);
    let at = span.and_then(|span| Timestamp::now().checked_add(span).ok());
    at.with_context(|| {
        format!("a key cannot last {seconds} seconds: leave --expires out for one that never ends")
    })
}
