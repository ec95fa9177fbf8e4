//! `roost cp`: files into a sandbox and out of it, by HTTP, as streams.
//!
//! ```text
//!   Place::parse ──┬── here ──▶ there   upload     walks our folder
//!                  └── there ──▶ here   download   walks the sandbox's, and believes nothing that it says
//! ```

mod download;
mod place;
mod remote;
mod upload;

use anyhow::{Result, bail};
use clap::Args;

use crate::remote::Session;
use place::Place;

/// Copies files and folders into a sandbox and out of it.
///
/// A folder is copied with all that is in it. `ID:PATH` is a path in a sandbox, below the user's home unless it begins with `/`; everything else is a path here, and `-`
/// is standard input or output. Into a folder that is there, things are copied under their own names. Permissions and links
/// are not copied.
#[derive(Debug, Args)]
pub(crate) struct Cp {
    /// From where
    from: Place,
    /// To where
    to: Place,
    /// The user in the sandbox to read or write as
    #[arg(short, long)]
    user: Option<String>,
}

impl Cp {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let user = self.user.as_deref();
        match (self.from, self.to) {
            (Place::There { sandbox, path }, to) if !matches!(to, Place::There { .. }) => {
                let guest = remote::Files {
                    session,
                    sandbox: &sandbox,
                    user,
                };
                download::download(&guest, &path, to).await
            }
            (from, Place::There { sandbox, path }) if !matches!(from, Place::There { .. }) => {
                let guest = remote::Files {
                    session,
                    sandbox: &sandbox,
                    user,
                };
                upload::upload(&guest, from, &path).await
            }
            _ => bail!("one of both is a path in a sandbox, ID:PATH, and the other is not"),
        }
    }
}
