//! The files in which the kernel tells of itself.

use std::path::{Path, PathBuf};

/// A machine, by the root of its file system.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    root: PathBuf,
}

impl Machine {
    /// The one this runs on.
    pub(super) fn this() -> Self {
        Self::below(Path::new("/"))
    }

    /// One whose files lie below `root`.
    pub(super) fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where the file `path` of it lies; `path` begins without a slash.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The text of a file, trimmed; nothing if it cannot be read.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.at(path)).ok()?;
        Some(text.trim().to_owned())
    }
}
