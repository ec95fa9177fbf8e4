//! Which processes may stand in the log as running, kept in memory files across restarts of the agent.
//!
//! An agent that dies takes the knowledge of its processes with it, and the log would call them running for ever. The
//! next one finds their marks and tells that their end is unknown.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use roost_schemas::ProcessId;

use crate::log::say;

/// A folder with an empty file for each process.
#[derive(Debug)]
pub(super) struct Marks(PathBuf);

impl Marks {
    /// The marks in `folder`, and what an earlier agent left there: processes, and the time since they were asked for.
    pub(super) fn open(folder: PathBuf) -> (Self, Vec<(ProcessId, Duration)>) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        let left = made.and_then(|()| fs::read_dir(&folder)).map(|entries| {
            entries
                .filter_map(|entry| {
                    let entry = entry.ok()?;
                    let process = ProcessId::new(entry.file_name().to_str()?).ok()?;
                    let asked = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                    let since = asked.and_then(|asked| asked.elapsed().ok());
                    Some((process, since.unwrap_or_default()))
                })
                .collect()
        });
        let left = left.unwrap_or_else(|error| {
            say!("agent: cannot read {}: {error}", folder.display());
            Vec::new()
        });
        (Self(folder), left)
    }

    /// The host is about to hear of a process.
    pub(super) fn set(&self, process: &ProcessId) {
        self.report(process, fs::write(self.0.join(process.as_str()), ""));
    }

    /// The host has heard its end, or nothing at all.
    pub(super) fn clear(&self, process: &ProcessId) {
        self.report(process, fs::remove_file(self.0.join(process.as_str())));
    }

    /// Without its mark a process is only worse off should the agent die.
    fn report(&self, process: &ProcessId, done: io::Result<()>) {
        if let Err(error) = done {
            say!("agent: cannot mark {}/{process}: {error}", self.0.display());
        }
    }
}
