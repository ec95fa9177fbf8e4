//! Why a fence cannot begin. Once it has begun, nothing but its end by somebody else ends it.

use std::io;
use std::path::PathBuf;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Death {
    /// The socket.
    #[error("cannot listen on {}: {source}; a fence before this one may have left it: remove it when that is gone", .path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else that the system refused.
    #[error("cannot {action}: {source}")]
    Setup {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Death {
    pub(crate) fn setup<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Setup {
            action,
            source: source.into(),
        }
    }
}
