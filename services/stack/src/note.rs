//! What a stack that runs leaves in its state folder, so that commands on this machine find it.

use std::fs::{OpenOptions, remove_file};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

const FILE: &str = "running.json";

/// Where a running stack's gateway is, and the key that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The gateway's URL.
    pub url: String,
    /// The operator's key.
    pub key: String,
}

impl Running {
    /// What the stack says whose state is in `state`; nothing if none runs there.
    pub fn read(state: &Path) -> Option<Self> {
        let text = std::fs::read(state.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// The file with that, for as long as this is there.
pub(super) struct Note {
    file: PathBuf,
}

impl Note {
    pub(super) fn leave(state: &Path, running: &Running) -> Result<Self> {
        let file = state.join(FILE);
        let write = || {
            // One that a killed stack left may have been readable for others.
            let _ = remove_file(&file);
            let mut note = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&file)?;
            note.write_all(&serde_json::to_vec(running)?)
        };
        write().with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { file })
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // A note that stays leads to a refused connection, which says enough.
        let _ = remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_note_is_there_for_as_long_as_the_stack_and_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Running::read(state.path()), None);
        let running = Running {
            url: "http://127.0.0.1:8080".to_owned(),
            key: "e2b_1".to_owned(),
        };
        let note = Note::leave(state.path(), &running).unwrap();
        assert_eq!(Running::read(state.path()), Some(running.clone()));
        let mode = std::fs::metadata(&note.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // The one of a stack that was killed is in nobody's way.
        std::mem::forget(note);
        drop(Note::leave(state.path(), &running).unwrap());
        assert_eq!(Running::read(state.path()), None);
    }
}
