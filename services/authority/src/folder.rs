//! The folder in which an authority is kept: who there is, what the server is told, and seeds.
//!
//! `authority.json` is the truth; `authority.conf` is rendered from it whenever it is opened or changed, so that a newer
//! release's permissions take effect. Files are replaced whole, and changed by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nkeys::KeyPair;
use serde::{Deserialize, Serialize};

use crate::conf::render;
use crate::member::{Member, User};

const RECORD: &str = "authority.json";
const CONF: &str = "authority.conf";
const LOCK: &str = "authority.lock";

/// Why an authority could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}; check who owns it and whether its disk is full")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The record is none of ours.
    #[error("{path} is no record of users: {detail}; bring it back from a backup, or choose another folder")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Another process changes it.
    #[error("{path} is being changed by another process: try again when that is done")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The member is there, and its seed is not: it was moved to where it is used.
    #[error(
        "{member} has credentials, but {path} is not there: they are where you put them; make new ones with --renew"
    )]
    Elsewhere {
        /// Who.
        member: Member,
        /// Where its seed would be.
        path: PathBuf,
    },
    /// There is nobody to remove.
    #[error("there is no {0}")]
    Unknown(Member),
    /// No seed could be made.
    #[error("cannot make a key: {0}")]
    Key(String),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    users: Vec<User>,
}

/// See the module. It is locked for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    users: Vec<User>,
    _lock: File,
}

impl Folder {
    /// Opens the folder at `path`, which is made if it is not there, and renders what the server is told.
    pub fn open(path: &Path) -> Result<Self, AuthorityError> {
        // Closed, as its files are; one that is there stays as it is, for it may be anybody's: `/etc`, say.
        let mut closed = DirBuilder::new();
        closed.recursive(true).mode(0o700);
        closed.create(path).map_err(file("make", path))?;
        let lock = lock(path)?;
        let users = read(&path.join(RECORD))?;
        let folder = Self {
            path: path.to_owned(),
            users,
            _lock: lock,
        };
        folder.write()?;
        Ok(folder)
    }

    /// Who there is.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// The file that nats.conf includes.
    pub fn conf(&self) -> PathBuf {
        self.path.join(CONF)
    }

    /// The file with the credentials of `member`, made if there are none.
    pub fn credentials(&mut self, member: &Member) -> Result<PathBuf, AuthorityError> {
        let path = self.path.join(member.file());
        match (self.has(member), path.exists()) {
            (true, true) => Ok(path),
            (true, false) => Err(AuthorityError::Elsewhere {
                member: member.clone(),
                path,
            }),
            (false, _) => self.renew(member),
        }
    }

    /// Makes new credentials for `member`; those it had let nobody in once the server has read its configuration anew.
    pub fn renew(&mut self, member: &Member) -> Result<PathBuf, AuthorityError> {
        let pair = KeyPair::new_user();
        let seed = pair
            .seed()
            .map_err(|error| AuthorityError::Key(error.to_string()))?;
        let path = self.path.join(member.file());
        // The seed first: a user whose seed nobody has would be in the way.
        replace(&path, &format!("{seed}\n"))?;
        let public = pair.public_key();
        let known = self.users.iter().position(|user| user.member == *member);
        let user = match known {
            Some(at) => self.users.swap_remove(at).renewed(public),
            None => User::new(member.clone(), public),
        };
        self.users.push(user);
        self.write()?;
        Ok(path)
    }

    /// Removes `member` and its credentials.
    pub fn remove(&mut self, member: &Member) -> Result<(), AuthorityError> {
        if !self.has(member) {
            return Err(AuthorityError::Unknown(member.clone()));
        }
        self.users.retain(|user| user.member != *member);
        self.write()?;
        let path = self.path.join(member.file());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    fn has(&self, member: &Member) -> bool {
        self.users.iter().any(|user| user.member == *member)
    }

    fn write(&self) -> Result<(), AuthorityError> {
        let record = Record {
            users: self.users.clone(),
        };
        let path = self.path.join(RECORD);
        let text = serde_json::to_string_pretty(&record).map_err(|error| broken(&path, &error))?;
        replace(&path, &format!("{text}\n"))?;
        replace(&self.path.join(CONF), &render(&self.users))
    }
}

fn lock(folder: &Path) -> Result<File, AuthorityError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    let opened = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    let lock = opened.map_err(file("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(AuthorityError::Busy {
            path: folder.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(error)) => Err(file("lock", &path)(error)),
    }
}

fn read(path: &Path) -> Result<Vec<User>, AuthorityError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file("read", path)(error)),
    };
    let record: Record = serde_json::from_str(&text).map_err(|error| broken(path, &error))?;
    // They are written into the server's configuration as they stand.
    let odd = record
        .users
        .iter()
        .flat_map(User::keys)
        .find(|key| !key.starts_with('U') || KeyPair::from_public_key(key).is_err());
    match odd {
        Some(key) => Err(broken(path, &format!("{key} is no user's public key"))),
        None => Ok(record.users),
    }
}

/// Writes `path` as a whole, for its owner alone.
fn replace(path: &Path, text: &str) -> Result<(), AuthorityError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        // A temporary file is made for its owner alone.
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        fresh.write_all(text.as_bytes())?;
        fresh.as_file().sync_all()?;
        fresh.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(file("write", path))
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { action, path, source }
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> AuthorityError {
    AuthorityError::Record {
        path: path.to_owned(),
        detail: error.to_string(),
    }
}
