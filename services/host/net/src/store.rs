//! The folder of one host instance: which slots are whole, and whose they are.
//!
//! ```text
//! <directory>/<tag>/          a shared mount (see machine::netns)
//!     lock                    held while a pool with this tag is open
//!     7.netns                 the namespace of slot 7
//!     7.json                  its record, written last: a slot without one is half made or half destroyed
//! ```
//!
//! A record is replaced by renaming, so a reader sees the old owner or the new one. It outlives the host process, which
//! is how a restarted host knows whose each slot is.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use roost_schemas::Owner;
use serde::{Deserialize, Serialize};

use crate::addresses::Addresses;
use crate::config::Config;
use crate::egress::Reach;
use crate::error::{Error, OsError};
use crate::machine::netns;

/// What is known of a whole slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What the slot was made from; see [`fingerprint`]. One made otherwise is not handed out again.
    pub(crate) fingerprint: String,
    /// Where the host reaches its guest.
    pub(crate) host_address: std::net::Ipv4Addr,
    /// Who claimed it.
    pub(crate) owner: Option<Owner>,
    /// What it was last told to let through; written before it is carried out.
    #[serde(flatten)]
    pub(crate) reach: Reach,
}

/// All that a slot's namespace and rules were derived from, besides this program. Raise the version with the rules.
pub(crate) fn fingerprint(config: &Config, slot: &Addresses) -> String {
    let veth = config.veth_range;
    format!(
        "4 {} {}/{} {} in {veth}",
        slot.number, slot.host_end, slot.slot_end, slot.host_address
    )
}

/// The folder, locked.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    _lock: Flock<File>,
}

impl Store {
    /// Creates what is missing and takes the lock.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let folder = config.directory.join(config.tag.as_str());
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(&folder)
            .map_err(OsError::file("cannot create", &folder))?;
        netns::share(&folder)?;
        let lock = lock(config, &folder)?;
        Ok(Self { folder, _lock: lock })
    }

    /// The file of a slot's namespace.
    pub(crate) fn namespace(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number}.netns"))
    }

    fn record(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number}.json"))
    }

    /// Numbers of all slots of which there is any trace.
    pub(crate) fn traces(&self) -> Result<BTreeSet<u32>, OsError> {
        let entries = fs::read_dir(&self.folder).map_err(OsError::file("cannot read", &self.folder))?;
        let number = |entry: fs::DirEntry| entry.path().file_stem()?.to_str()?.parse().ok();
        let names: io::Result<Vec<_>> = entries.map(|entry| Ok(number(entry?))).collect();
        Ok(names
            .map_err(OsError::file("cannot read", &self.folder))?
            .into_iter()
            .flatten()
            .collect())
    }

    /// The record of a slot, or `None` if there is none that can be read: such a slot is debris.
    pub(crate) fn load(&self, number: u32) -> Option<Record> {
        let path = self.record(number);
        let bytes = fs::read(&path).ok()?;
        let record = serde_json::from_slice(&bytes);
        record
            .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "slot record is corrupt"))
            .ok()
    }

    /// Writes the record of a slot, whole or not at all.
    pub(crate) fn save(&self, number: u32, record: &Record) -> Result<(), OsError> {
        let path = self.record(number);
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer(&mut file, record)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(OsError::file("cannot write", &path))
    }

    /// Removes the record of a slot: from here on it is debris.
    pub(crate) fn forget(&self, number: u32) -> Result<(), OsError> {
        let path = self.record(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(OsError::file("cannot remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the folder. Call when no slot is left.
    pub(crate) fn destroy(&self) -> Result<(), OsError> {
        netns::unmount(&self.folder)?;
        fs::remove_dir_all(&self.folder).map_err(OsError::file("cannot remove", &self.folder))?;
        // The folder above is shared with other instances; the last one out removes it.
        if let Some(above) = self.folder.parent() {
            let _ = fs::remove_dir(above);
        }
        Ok(())
    }
}

fn lock(config: &Config, folder: &Path) -> Result<Flock<File>, Error> {
    let path = folder.join("lock");
    loop {
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = opened.map_err(OsError::file("cannot open", &path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // A pool that was just purged may have removed the file between our open and our lock.
            Ok(lock) if lock.metadata().is_ok_and(|meta| meta.nlink() == 0) => {}
            Ok(lock) => return Ok(lock),
            Err((_, Errno::EWOULDBLOCK)) => {
                return Err(Error::TagInUse {
                    tag: config.tag.clone(),
                    path,
                });
            }
            Err((_, error)) => return Err(OsError::file("cannot lock", path)(error).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Egress;

    #[test]
    fn a_record_reads_back_and_a_corrupt_one_reads_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Flock::lock(
            File::create(folder.path().join("lock")).unwrap(),
            FlockArg::LockExclusive,
        )
        .unwrap();
        let store = Store {
            folder: folder.path().to_owned(),
            _lock: lock,
        };
        let owner = Owner {
            sandbox: "sb1".parse().unwrap(),
            generation: roost_schemas::Generation(3),
        };
        let mut record = Record {
            fingerprint: "f".to_owned(),
            host_address: "10.11.0.7".parse().unwrap(),
            owner: Some(owner),
            reach: Reach {
                egress: Egress::Only(vec!["1.2.3.0/24".parse().unwrap()]),
                names: vec!["*.example.com".parse().unwrap()],
            },
        };
        store.save(7, &record).unwrap();
        assert_eq!(store.load(7), Some(record.clone()));
        record.owner = None;
        store.save(7, &record).unwrap();
        assert_eq!(store.load(7), Some(record));

        fs::write(store.record(9), "{\"owner\":").unwrap();
        fs::write(store.namespace(11), "").unwrap();
        assert_eq!(store.load(9), None);
        assert_eq!(store.load(10), None);
        assert_eq!(store.traces().unwrap(), [7, 9, 11].into());
        store.forget(7).unwrap();
        store.forget(7).unwrap();
        assert_eq!(store.load(7), None);
    }
}
