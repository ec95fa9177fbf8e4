//! `roost nats creds`: a file by which nats-server knows who its holder is.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{Who, remind};
use crate::output::Output;

/// Makes credentials, and tells nats-server of them in authority.conf. Prints the file that is to be given to whom they are for.
#[derive(Debug, Args)]
pub(crate) struct Creds {
    #[command(flatten)]
    who: Who,
    /// Makes new ones in place of those there are, which are worth nothing then
    #[arg(long)]
    renew: bool,
}

impl Creds {
    pub(super) fn run(&self, output: Output) -> Result<()> {
        let member = self.who.member()?;
        let mut folder = self.who.folder.open()?;
        let known = folder.users().to_vec();
        let file = if self.renew {
            folder.renew(&member)?
        } else {
            folder.credentials(&member)?
        };
        output.print(&json!({"file": file}), |to| writeln!(to, "{}", file.display()))?;
        if folder.users() != known {
            remind(&folder);
        }
        Ok(())
    }
}
