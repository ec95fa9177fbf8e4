//! `roost nats`: credentials and documents for clients of NATS.

mod creds;
mod ls;
mod revoke;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use roost_authority::{InvalidMember, Member, Role};

use crate::exit::{Ended, NOT_FOUND};
use crate::output::{Output, note};

/// What a test of roost-schemas holds to what that says.
const ASYNCAPI: &str = include_str!("../../../docs/asyncapi.json");

#[derive(Debug, Subcommand)]
pub(crate) enum Nats {
    /// Makes credentials for a process of Roost, for an operator, or for a tenant's programs
    Creds(creds::Creds),
    /// Takes credentials back
    Revoke(revoke::Revoke),
    /// Lists who has credentials
    Ls(ls::Ls),
    /// Prints the `AsyncAPI` document of what Roost says and hears on NATS
    Asyncapi,
}

/// Does what was asked.
pub(crate) fn run(command: &Nats, output: Output) -> Result<()> {
    match command {
        Nats::Creds(creds) => creds.run(output),
        Nats::Revoke(revoke) => revoke.run(),
        Nats::Ls(ls) => ls.run(output),
        Nats::Asyncapi => Ok(std::io::stdout().lock().write_all(ASYNCAPI.as_bytes())?),
    }
}

/// Who is meant, and where is kept who there is.
#[derive(Debug, Args)]
struct Who {
    /// host, gateway, reconciler, webhooks, operator or tenant
    role: Role,
    /// A host's or a tenant's id; for another role one of several, by default called as the role is
    name: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

impl Who {
    fn member(&self) -> Result<Member, InvalidMember> {
        Member::new(self.role, self.name.as_deref())
    }
}

/// Where is kept who there is.
#[derive(Debug, Args)]
struct Folder {
    /// The folder with authority.json, authority.conf and seeds, which `creds` makes if it is not there; that of a stack is
    /// `authority` in its state folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

impl Folder {
    fn open(&self) -> Result<roost_authority::Folder> {
        Ok(roost_authority::Folder::open(&self.dir)?)
    }

    /// The same of one that has to be there: a slip of the pen shall make none.
    fn open_existing(&self) -> Result<roost_authority::Folder> {
        if !self.dir.is_dir() {
            let message = format!(
                "there is no folder {}: name the one that `roost nats creds` was given",
                self.dir.display()
            );
            return Err(Ended {
                code: NOT_FOUND,
                message,
            }
            .into());
        }
        self.open()
    }
}

/// What is left to do, for a person to read: the server does not look by itself, and of an account that it has not known
/// before it puts the imports in place only when it looks again.
fn remind(folder: &roost_authority::Folder) {
    let conf = folder.conf();
    note(format!(
        "{} is changed: have nats-server read it (SIGHUP), and for a new tenant once more a second later",
        conf.display()
    ));
}
