//! Rest: users' programs stand still, and what they wrote is on the drive.
//!
//! ```text
//! running ──quiesce──▶ at rest ──wake──▶ running            a snapshot was taken, the guest goes on
//!                         └────restored: new identity──▶ running      it wakes from the snapshot
//! ```
//!
//! Nothing here is undone by time: a host that is gone takes the guest with it, or comes back and wakes it. The drive's
//! file system is not frozen as well (`FIFREEZE`): drive and memory are taken at one instant, while no processor runs,
//! so the guest that wakes goes on with its journal as it was; a frozen one would hold up the agent's own writes until
//! somebody thaws it.
//!
//! Nor is the page cache dropped: a page keeps its content when it is freed, so a snapshot of `minimal` at rest has
//! 64 MiB that are not zero with or without that, and the guest that wakes would read its programs from the drive again.
//! Zeroing whatever is freed (`init_on_free=1`) saves a tenth of it, and costs every sandbox time all its life.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{sync, syncfs};
use thiserror::Error;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::blocking::blocking;
use crate::boot::DATA;
use crate::cgroups::ROOT;
use crate::cgroups::freezer::{self, FreezerError};

/// Why the guest does not come to rest.
#[derive(Debug, Error)]
pub(super) enum RestError {
    /// Users' programs do not stand still.
    #[error(transparent)]
    Freezer(#[from] FreezerError),
    /// What they wrote is in memory alone.
    #[error("cannot write to the drive at {drive}: {source}")]
    Drive {
        /// Where it is mounted.
        drive: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Brings the guest to rest and wakes it, one at a time.
#[derive(Debug)]
pub(super) struct Rest {
    groups: PathBuf,
    drive: PathBuf,
    turn: Arc<Mutex<()>>,
}

impl Rest {
    /// That of the guest this agent runs in.
    pub(super) fn of_guest() -> Self {
        Self::of(ROOT.into(), DATA.into())
    }

    fn of(groups: PathBuf, drive: PathBuf) -> Self {
        Self {
            groups,
            drive,
            turn: Arc::default(),
        }
    }

    /// Nobody else quiesces or wakes while this is held.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Stops users' programs and writes what they wrote. After an error they run.
    pub(super) async fn quiesce(&self) -> Result<(), RestError> {
        let turn = self.turn().await;
        let (groups, drive) = (self.groups.clone(), self.drive.clone());
        blocking(move || {
            // Held to the end, even if the host has given up waiting: its wake comes after.
            let _turn = turn;
            let done = stop(&groups, &drive);
            if done.is_err() {
                // The first error is the one to tell; a second of the same files says no more.
                let _ = freezer::thaw(&groups);
            }
            done
        })
        .await
    }

    /// Lets users' programs run on.
    pub(super) async fn wake(&self) -> Result<(), FreezerError> {
        let _turn = self.turn().await;
        self.thaw()
    }

    /// The same for whoever has the turn. It waits for nothing.
    pub(super) fn thaw(&self) -> Result<(), FreezerError> {
        freezer::thaw(&self.groups)
    }
}

fn stop(groups: &Path, drive: &Path) -> Result<(), RestError> {
    freezer::freeze(groups)?;
    // What users mounted themselves may be files of the drive, so it comes last; and it alone tells of errors.
    sync();
    let synced = File::open(drive).and_then(|root| syncfs(root).map_err(Into::into));
    synced.map_err(|source| RestError::Drive {
        drive: drive.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Folders that stand in for the kernel's groups, which are frozen or not whatever is written.
    fn rest(events: &str) -> (tempfile::TempDir, Rest) {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("user");
        fs::create_dir(&users).unwrap();
        fs::write(users.join("cgroup.freeze"), "0").unwrap();
        fs::write(users.join("cgroup.events"), events).unwrap();
        let rest = Rest::of(folder.path().to_owned(), folder.path().to_owned());
        (folder, rest)
    }

    fn state(rest: &Rest) -> String {
        fs::read_to_string(rest.groups.join("user/cgroup.freeze")).unwrap()
    }

    #[tokio::test]
    async fn a_guest_comes_to_rest_and_wakes_as_often_as_it_is_told() {
        let (_folder, rest) = rest("frozen 1\n");
        for _ in 0..2 {
            rest.quiesce().await.unwrap();
            assert_eq!(state(&rest), "1");
        }
        for _ in 0..2 {
            rest.wake().await.unwrap();
            assert_eq!(state(&rest), "0");
        }
    }

    #[tokio::test]
    async fn a_drive_that_cannot_be_written_leaves_programs_running() {
        let (folder, mut rest) = rest("frozen 1\n");
        rest.drive = folder.path().join("gone");
        let error = rest.quiesce().await.unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
        assert_eq!(state(&rest), "0");
    }
}
