//! `roost nats revoke`: credentials that are worth nothing any more.

use anyhow::Result;
use clap::Args;

use super::{Who, remind};

/// Takes the credentials of somebody back; connections by them end when nats-server has read its configuration anew.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    who: Who,
}

impl Revoke {
    pub(super) fn run(&self) -> Result<()> {
        let member = self.who.member()?;
        let mut folder = self.who.folder.open_existing()?;
        folder.remove(&member)?;
        remind(&folder);
        Ok(())
    }
}
