//! `roost tenant`: who shares this Roost, and how much each may have. All of it takes the operator's key.

mod create;
mod limits;
mod ls;

use anyhow::Result;
use clap::Subcommand;

use crate::remote::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    Create(create::Create),
    Ls(ls::Ls),
    Limits(limits::SetLimits),
}

impl Tenant {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::Ls(ls) => ls.run(session).await,
            Self::Limits(limits) => limits.run(session).await,
        }
    }
}
