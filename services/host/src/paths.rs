//! Where a host agent keeps what.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use roost_schemas::HostId;

/// What must not outlive a reboot: engine folders, by host.
const RUN: &str = "/run/roost/hosts";

/// The cgroup below which the engines of `host` have theirs.
pub(crate) fn cgroup(host: &HostId) -> String {
    format!("roost-{host}")
}

/// The folders of one host agent.
#[derive(Debug)]
pub(crate) struct Paths {
    /// What outlives a reboot.
    pub(crate) state: PathBuf,
    /// What does not.
    pub(crate) run: PathBuf,
    /// Locked for as long as it is open: an agent that is stopped and goes on must not find another in its place.
    _lock: Option<File>,
}

impl Paths {
    /// Makes the folders of `host`; refuses a state folder of another.
    pub(crate) fn open(state: &Path, host: &HostId) -> Result<Self> {
        make(state)?;
        let state = state
            .canonicalize()
            .with_context(|| format!("cannot use {}", state.display()))?;
        let lock = lock(&state)?;
        match Self::host(&state)? {
            Some(owner) if owner != *host => {
                bail!(
                    "{} belongs to host {owner}, not {host}: name that host, or another folder",
                    state.display()
                )
            }
            Some(_) => {}
            None => {
                let path = state.join("host");
                fs::write(&path, host.as_str())
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        let run = Path::new(RUN).join(host.as_str());
        make(&run)?;
        Ok(Self {
            state,
            run,
            _lock: Some(lock),
        })
    }

    /// The folders that an earlier agent made with `state`, and its host; nothing if there was none.
    pub(crate) fn find(state: &Path) -> Result<Option<(Self, HostId)>> {
        let Some(host) = Self::host(state)? else {
            return Ok(None);
        };
        Ok(Some((
            Self {
                state: state.to_owned(),
                run: Path::new(RUN).join(host.as_str()),
                _lock: None,
            },
            host,
        )))
    }

    fn host(state: &Path) -> Result<Option<HostId>> {
        let path = state.join("host");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let host = text
                    .trim()
                    .parse()
                    .with_context(|| format!("{} is damaged", path.display()))?;
                Ok(Some(host))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// Takes the folder for this agent alone, until it ends in whatever way.
fn lock(state: &Path) -> Result<File> {
    let path = state.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "{} is in use by another host agent: end that one, or name another folder and another --host-id",
            state.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Makes a folder for root's eyes only.
fn make(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| {
        format!(
            "cannot make {}: the host agent runs as root on a writable file system",
            path.display()
        )
    })
}
