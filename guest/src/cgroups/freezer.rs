//! The freezer: users' processes stand still while a snapshot is taken, and until a restored guest is itself.
//!
//! ```text
//! running ──"1" to cgroup.freeze──▶ freezing ──cgroup.events: frozen 1──▶ frozen ──"0"──▶ running
//!                                      └───────too late: "0"────────────────────────────────▲
//! ```
//!
//! Every group below the root is frozen but the agent's: what users start is in `user`, and root may have made groups
//! of its own. The state is the kernel's, so an agent that is started again finds it as it was. A kernel without this
//! freezer has nothing that could take its place (SIGSTOP is seen by parents and undone by others), so such a guest
//! cannot come to rest and no snapshot is taken of it.
//!
//! Root of the guest can move a process to the root group, where nothing freezes it. It then runs on in a restored guest
//! before that has its identity, which harms nobody but the sandbox itself.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use nix::errno::Errno;
use thiserror::Error;

use super::Group;

/// How long processes may take to stand still. Most need no time; one in an uninterruptible wait, as for a server of
/// files that does not answer, may need all there is.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(1);

const FREEZE: &str = "cgroup.freeze";
const EVENTS: &str = "cgroup.events";

/// Why processes cannot be stopped, or set going.
#[derive(Debug, Error)]
pub(crate) enum FreezerError {
    /// See the module.
    #[error("the kernel cannot freeze control groups: {file} is missing")]
    Missing {
        /// What was looked for.
        file: PathBuf,
    },
    /// They run on.
    #[error("processes in {group} did not stand still within {PATIENCE:?}")]
    Restless {
        /// One of the groups they are in.
        group: PathBuf,
    },
    /// A control file failed.
    #[error("{file}: {source}")]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Stops all of users' processes in the groups below `root` and waits until they stand still. After an error some may.
pub(crate) fn freeze(root: &Path) -> Result<(), FreezerError> {
    freeze_within(root, PATIENCE)
}

fn freeze_within(root: &Path, patience: Duration) -> Result<(), FreezerError> {
    let file = root.join(Group::User.name()).join(FREEZE);
    if !file.exists() {
        return Err(FreezerError::Missing { file });
    }
    let deadline = Instant::now() + patience;
    loop {
        let groups = groups(root)?;
        for group in &groups {
            set(group, "1")?;
        }
        match groups.iter().find(|group| !is_frozen(group)) {
            // A group that was made meanwhile needs another round.
            None if self::groups(root)? == groups => return Ok(()),
            Some(group) if Instant::now() > deadline => {
                let group = group.clone();
                return Err(FreezerError::Restless { group });
            }
            _ => sleep(POLL),
        }
    }
}

/// Lets them all run on; also where nothing can be frozen.
pub(crate) fn thaw(root: &Path) -> Result<(), FreezerError> {
    groups(root)?.iter().try_for_each(|group| set(group, "0"))
}

/// The groups that may be frozen, in order.
fn groups(root: &Path) -> Result<Vec<PathBuf>, FreezerError> {
    let unreadable = |source| FreezerError::File {
        file: root.to_owned(),
        source,
    };
    let mut groups = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name() != Group::Agent.name() {
            groups.push(entry.path());
        }
    }
    groups.sort();
    Ok(groups)
}

fn set(group: &Path, value: &str) -> Result<(), FreezerError> {
    let file = group.join(FREEZE);
    match fs::write(&file, value) {
        Err(error) if !is_gone(&error) => Err(FreezerError::File { file, source: error }),
        _ => Ok(()),
    }
}

/// Whether all in it stand still; one that is gone has none.
fn is_frozen(group: &Path) -> bool {
    match fs::read_to_string(group.join(EVENTS)) {
        Ok(events) => events.lines().any(|line| line == "frozen 1"),
        Err(error) => is_gone(&error),
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ENODEV as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plain folders stand in for the kernel's; what is frozen is a matter of what their events say.
    fn kernel(groups: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (group, events) in groups {
            fs::create_dir(root.path().join(group)).unwrap();
            fs::write(root.path().join(group).join(FREEZE), "0").unwrap();
            fs::write(root.path().join(group).join(EVENTS), events).unwrap();
        }
        root
    }

    fn state(root: &Path, group: &str) -> String {
        fs::read_to_string(root.join(group).join(FREEZE)).unwrap()
    }

    #[test]
    fn every_group_but_the_agents_is_frozen_and_thawed() {
        let frozen = "populated 1\nfrozen 1\n";
        let root = kernel(&[("agent", "frozen 0\n"), ("user", frozen), ("docker", frozen)]);
        freeze(root.path()).unwrap();
        assert_eq!(
            ["agent", "user", "docker"].map(|group| state(root.path(), group)),
            ["0", "1", "1"]
        );
        freeze(root.path()).unwrap();
        thaw(root.path()).unwrap();
        assert_eq!(
            ["user", "docker"].map(|group| state(root.path(), group)),
            ["0", "0"]
        );
    }

    #[test]
    fn who_does_not_stand_still_in_time_is_named() {
        let root = kernel(&[("user", "populated 1\nfrozen 0\n")]);
        let error = freeze_within(root.path(), Duration::from_millis(5)).unwrap_err();
        assert!(
            matches!(&error, FreezerError::Restless { group } if group.ends_with("user")),
            "{error}"
        );
    }

    #[test]
    fn without_a_freezer_nothing_comes_to_rest() {
        let root = kernel(&[("agent", "")]);
        assert!(matches!(freeze(root.path()), Err(FreezerError::Missing { .. })));
        thaw(root.path()).unwrap();
    }
}
