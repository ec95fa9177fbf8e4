//! `roost snapshot`: templates made of sandboxes as they are.

mod create;
mod ls;

use anyhow::Result;
use clap::{Args, Subcommand};
use roost_schemas::TemplateName;

use super::many::each;
use crate::remote::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Snapshot {
    Create(create::Create),
    Ls(ls::Ls),
    Rm(Rm),
}

impl Snapshot {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::Ls(ls) => ls.run(session).await,
            Self::Rm(rm) => rm.run(session).await,
        }
    }
}

/// Removes templates that were made of sandboxes.
///
/// Sandboxes that started from one go on.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Their names
    #[arg(required = true)]
    names: Vec<TemplateName>,
}

impl Rm {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        each(session, "removing", "removed", &self.names, async |name| {
            session.delete(&format!("/v1/snapshots/{name}")).await
        })
        .await
    }
}
