//! `roost nats ls`: who has credentials.

use anyhow::Result;
use clap::Args;

use super::Folder;
use crate::output::{Output, Table};

/// Lists who has credentials: role, name and public key.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    folder: Folder,
}

impl Ls {
    pub(super) fn run(&self, output: Output) -> Result<()> {
        let folder = self.folder.open_existing()?;
        let mut table = Table::new(["ROLE", "NAME", "PUBLIC KEY"]);
        for user in folder.users() {
            let (role, name) = (user.member.role().as_str(), user.member.name());
            table.row([role.into(), name.into(), user.public.as_str().into()]);
        }
        output.print(&folder.users(), |to| table.write(to))
    }
}
