//! Why a pager ends when its engine has not.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use roost_schemas::id::SnapshotId;
use roost_schemas::snapshot::manifest::{Kind, ManifestError};

/// Why a pager ends. If there was an engine, it has been killed.
#[derive(Debug, thiserror::Error)]
pub enum Death {
    /// The process could not be made ready.
    #[error("cannot {what}: {source}")]
    Setup {
        /// What it could not do.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A socket could not be listened on.
    #[error("cannot listen on {}: {source}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not one.
    #[error("{} is not a manifest: {source}", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The manifest describes something else.
    #[error("{} describes {found:?} instead of memory", path.display())]
    Kind {
        /// Which.
        path: PathBuf,
        /// What it describes.
        found: Kind,
    },
    /// A generation file is not as long as the manifest says.
    #[error("{} has {found} bytes instead of {expected}: it is damaged", path.display())]
    Length {
        /// Which.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// Nobody came.
    #[error("no engine connected within {0:?}")]
    Alone(Duration),
    /// The userfaultfd does not work.
    #[error("cannot read the engine's faults: {0}")]
    Events(userfaultfd::Error),
    /// The engine faulted where it has no memory of the guest's.
    #[error("the engine waits for address {address:#x}, which is not in its regions")]
    Foreign {
        /// Where.
        address: u64,
    },
    /// The engine did with its guest's memory what no engine does.
    #[error("the engine {0}, which cannot be served")]
    Unserved(&'static str),
    /// A page could not be put in place.
    #[error("cannot put page {page} in place{}: {source}", from.as_ref().map_or(String::new(), |id| format!(" from generation {id}")))]
    Page {
        /// Which.
        page: u64,
        /// Where it should have come from; nothing for zeros.
        from: Option<SnapshotId>,
        /// Why.
        source: io::Error,
    },
    /// A fault waited too long.
    #[error("the engine has waited {waited:?} for page {page}")]
    Overdue {
        /// Which page.
        page: u64,
        /// For how long.
        waited: Duration,
    },
}

impl Death {
    /// An error of a system call that makes the process ready.
    pub(crate) fn setup<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Setup {
            what,
            source: source.into(),
        }
    }
}
