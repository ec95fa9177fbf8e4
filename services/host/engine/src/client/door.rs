//! The connection to an engine's socket, and who answers there.
//!
//! The socket is in the jail, whose files are the engine's to change. One that was taken over could have put a link in its
//! place, to the socket of another engine or of anything else that root may speak to; so before a word is said, it is asked
//! whose process it is that answers.

use hyper::Uri;
use hyper_util::rt::TokioIo;
use std::{
    io,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::net::UnixStream;
use tower_service::Service;

#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) socket: PathBuf,
    /// The engine's process id; nothing where whoever answers is meant.
    pub(super) engine: Option<u32>,
}

/// Somebody else answers than the engine.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is answered by process {found} and not by {engine}, the engine, which must have been taken over: kill it"
)]
struct Stranger {
    /// 0 for one that cannot be seen from here.
    found: i32,
    engine: u32,
}

impl Door {
    async fn open(self) -> io::Result<TokioIo<UnixStream>> {
        let stream = UnixStream::connect(&self.socket).await?;
        if let Some(engine) = self.engine {
            // That of the process that listens, as it is called here.
            let found = stream.peer_cred()?.pid().unwrap_or(0);
            if u32::try_from(found) != Ok(engine) {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    Stranger { found, engine },
                ));
            }
        }
        Ok(TokioIo::new(stream))
    }
}

impl Service<Uri> for Door {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().open())
    }
}
