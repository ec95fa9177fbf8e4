//! A stack's state folder: one subfolder a process, logs, the API key and the host's id; held by one stack at a time.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use uuid::Uuid;

use crate::authority::Authority;
use crate::supervise::Role;

/// The file with the API key that is used where none is given.
const KEY_FILE: &str = "api-key";
/// The file that is locked by who uses the folder.
const LOCK_FILE: &str = "lock";
/// The file with the host's id.
const HOST_FILE: &str = "host-id";

/// A state folder that this process holds.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    temporary: Option<TempDir>,
    api_key: String,
    token_key: String,
    host_id: String,
    authority: Authority,
    /// Locked for as long as it is open.
    _lock: File,
}

impl StateFolder {
    /// A fresh folder that is removed with this value.
    pub fn temporary(purpose: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("roost-{purpose}-"))
            .tempdir()
            .with_context(|| format!("cannot make a folder in {}", std::env::temp_dir().display()))?;
        let mut state = Self::open(folder.path(), None)?;
        state.temporary = Some(folder);
        Ok(state)
    }

    /// The folder at `path`, made if it is not there. The API key is `api_key`, else the one kept in the folder, else a
    /// new one.
    pub fn open(path: &Path, api_key: Option<String>) -> Result<Self> {
        let cannot = || {
            format!(
                "cannot use {} as state folder: choose another with --state, or correct its permissions",
                path.display()
            )
        };
        if is_foreign(path) {
            bail!(
                "{} has other things in it, which a state folder would be closed over: choose an empty one with --state",
                path.display()
            );
        }
        std::fs::create_dir_all(path).with_context(cannot)?;
        // Inside lie the API key and everything the sandboxes wrote.
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).with_context(cannot)?;
        let path = path.canonicalize().with_context(cannot)?;
        let lock = lock(&path)?;
        for folder in [
            Role::Log,
            Role::Host,
            Role::Reconciler,
            Role::Webhooks,
            Role::Gateway,
        ] {
            std::fs::create_dir_all(path.join(folder.name())).with_context(cannot)?;
        }
        std::fs::create_dir_all(path.join("logs")).with_context(cannot)?;
        let api_key = match api_key {
            Some(key) => key,
            None => kept(&path.join(KEY_FILE), || {
                format!("e2b_{}{}", random(), &random()[..8])
            })?,
        };
        let token_key = kept(&path.join("token-key"), || random() + &random())?;
        let host_id = kept(&path.join(HOST_FILE), || format!("h{}", &random()[..12]))?;
        let authority = Authority::open(path.join("authority"), &host_id)?;
        Ok(Self {
            path,
            authority,
            temporary: None,
            api_key,
            token_key,
            host_id,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder goes away with this value.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// The subfolder of one process.
    pub fn of(&self, role: Role) -> PathBuf {
        self.path.join(role.name())
    }

    /// The configuration of nats-server.
    pub fn nats_conf(&self) -> PathBuf {
        self.authority.conf.clone()
    }

    /// The folder of who may do what on nats-server, which `roost nats creds --dir` takes.
    pub fn authority(&self) -> &Path {
        &self.authority.folder
    }

    /// The file with the credentials of one process on nats-server, which has none itself.
    pub fn credentials(&self, role: Role) -> Option<&Path> {
        self.authority.credentials(role)
    }

    /// The file with an operator's credentials, by which everything may be done on nats-server.
    pub fn operator(&self) -> &Path {
        &self.authority.operator
    }

    /// The file with the credentials of the tenant `default`'s own programs on nats-server.
    pub fn tenant(&self) -> &Path {
        &self.authority.tenant
    }

    /// The log file of one process.
    pub fn log(&self, role: Role) -> PathBuf {
        self.path.join("logs").join(format!("{}.log", role.name()))
    }

    /// What clients present to the gateway.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The key from which the gateway and the host derive sandboxes' tokens.
    pub fn token_key(&self) -> &str {
        &self.token_key
    }

    /// The id under which the host registers, and by which its resources are named.
    pub fn host_id(&self) -> &str {
        &self.host_id
    }

    /// Gives the folder up; a temporary one is removed.
    pub fn release(self) -> Result<()> {
        let Some(folder) = self.temporary else {
            return Ok(());
        };
        folder
            .close()
            .with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

/// Whether the folder is there and has been something else than a state folder, such as `/tmp`.
fn is_foreign(path: &Path) -> bool {
    let mut entries = std::fs::read_dir(path).into_iter().flatten();
    entries.next().is_some()
        && ![LOCK_FILE, HOST_FILE]
            .iter()
            .any(|file| path.join(file).is_file())
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK_FILE);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "state folder {} is in use by another Roost: stop that one, or choose another folder with --state",
            folder.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// The content of `path`, or `fresh` if there is no such file, which is then written for the owner's eyes only.
fn kept(path: &Path, fresh: impl FnOnce() -> String) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
        _ => {}
    }
    let text = fresh();
    let write = || {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(text)
}

/// 32 random hexadecimal digits (122 random bits).
fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_kept_and_private_and_a_second_holder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = StateFolder::open(dir.path(), None).unwrap();
        let key = first.api_key().to_owned();
        assert!(key.starts_with("e2b_") && key.len() == 44, "{key}");
        assert!(key[4..].bytes().all(|b| b.is_ascii_hexdigit()));
        let mode = std::fs::metadata(first.path().join("api-key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = StateFolder::open(dir.path(), None).unwrap_err().to_string();
        assert!(
            refused.contains("in use by another") && refused.contains("--state"),
            "{refused}"
        );
        first.release().unwrap();
        assert_eq!(StateFolder::open(dir.path(), None).unwrap().api_key(), key);
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("theirs"), "").unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let refused = StateFolder::open(dir.path(), None).unwrap_err().to_string();
        assert!(refused.contains("--state"), "{refused}");
        let mode = std::fs::metadata(dir.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_temporary_folder_is_gone_after_its_release() {
        let state = StateFolder::temporary("test").unwrap();
        let path = state.path().to_owned();
        assert!(path.is_dir());
        state.release().unwrap();
        assert!(!path.exists());
    }
}
