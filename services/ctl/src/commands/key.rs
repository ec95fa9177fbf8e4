//! `roost key`: who may use the API.

mod create;
mod ls;

use anyhow::Result;
use clap::{Args, Subcommand};
use roost_schemas::KeyId;

use super::many::each;
use super::values::query;
use crate::remote::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    Create(create::Create),
    #[command(visible_alias = "ls")]
    List(ls::Ls),
    #[command(visible_alias = "rm")]
    Revoke(Revoke),
}

impl Key {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List(ls) => ls.run(session).await,
            Self::Revoke(revoke) => revoke.run(session).await,
        }
    }
}

/// For whom a command of keys acts.
#[derive(Debug, Args)]
struct Owner {
    /// The tenant whose keys they are; the operator's key alone may say it. Default: that of the key in use
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

impl Owner {
    /// A path there.
    fn path(&self, path: &str) -> String {
        self.tenant.as_ref().map_or_else(
            || path.to_owned(),
            |tenant| format!("{path}?{}", query([("tenant", tenant)])),
        )
    }
}

/// Revokes keys at once.
///
/// Whoever holds one is refused from now on, and what follows events by it is cut off.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    owner: Owner,
    /// Their ids, as `roost key list` has them
    #[arg(required = true)]
    ids: Vec<KeyId>,
}

impl Revoke {
    async fn run(self, session: &Session) -> Result<()> {
        each(session, "revoking", "revoked", &self.ids, async |id| {
            session.delete(&self.owner.path(&format!("/v1/keys/{id}"))).await
        })
        .await
    }
}
