//! The API socket's file: private while it exists, gone when we are.

use anyhow::{Context, Result};
use rustix::{fs::Mode, process::umask};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::net::UnixListener;

/// Owns the socket's file.
#[derive(Debug)]
pub struct ApiSocket {
    path: PathBuf,
}

impl ApiSocket {
    /// Binds `path`, for our user alone. Like Firecracker, refuses a path that exists.
    pub fn bind(path: &Path) -> Result<(Self, UnixListener)> {
        // The mask makes the file private from its first moment; there is no other thread it could surprise.
        let before = umask(Mode::from_raw_mode(0o177));
        let bound = UnixListener::bind(path);
        umask(before);
        let listener = bound.with_context(|| {
            format!(
                "cannot serve {}; its directory must exist and the file must not",
                path.display()
            )
        })?;
        Ok((
            Self {
                path: path.to_owned(),
            },
            listener,
        ))
    }
}

impl Drop for ApiSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the API socket");
        }
    }
}
