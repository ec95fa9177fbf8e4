//! How a process of ours is let in by nats-server: the same arguments for each.

use std::path::PathBuf;

use super::Options;
use super::nkey::{Nkey, NkeyError};

/// What a process shows, and what it wants to be shown.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Access {
    /// The file with this process's credentials, as `roost nats creds` writes it; by default the server is told nothing.
    #[cfg_attr(feature = "clap", arg(long, env = "ROOST_NATS_NKEY", value_name = "FILE"))]
    pub nats_nkey: Option<PathBuf>,
    /// The certificates, in PEM, that nats-server's is to be signed by; the connection is encrypted then, as it is with a
    /// `tls://` address, for which this machine's own certificates stand.
    #[cfg_attr(feature = "clap", arg(long, env = "ROOST_NATS_CA", value_name = "FILE"))]
    pub nats_ca: Option<PathBuf>,
}

impl Access {
    /// The defaults for the server at `url`, as the process that this says.
    pub fn options(&self, url: impl Into<String>) -> Result<Options, NkeyError> {
        let nkey = self.nats_nkey.as_deref().map(Nkey::read).transpose()?;
        Ok(Options {
            nkey,
            ca: self.nats_ca.clone(),
            ..Options::new(url)
        })
    }
}
