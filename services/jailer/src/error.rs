//! Why there is no jail.

use std::io;
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Jammed {
    /// The program cannot be jailed.
    #[error("{} cannot be jailed: {reason}", .path.display())]
    Program {
        /// The program.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No hierarchy has the controller that a setting is for.
    #[error(
        "no cgroup hierarchy of version {version} has the controller {controller:?}; mount it, or leave its settings out"
    )]
    NoController {
        /// The controller, such as `memory`.
        controller: String,
        /// 1 or 2.
        version: u8,
    },
    /// The system refused something about a file or folder.
    #[error("cannot {action} {}: {source}", .path.display())]
    At {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused.
    #[error("cannot {action}: {source}")]
    Step {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The filter of system calls.
    #[error("cannot filter system calls: {0}")]
    Filter(#[from] seccompiler::Error),
}

impl Jammed {
    pub(crate) fn at<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::At {
            action,
            path,
            source: source.into(),
        }
    }

    pub(crate) fn step<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Step {
            action,
            source: source.into(),
        }
    }
}
