//! Making sure of a snapshot before it is used, and quarantine for what is damaged.
//!
//! The mark is a file in the folder of the snapshot that was asked for. The damaged file may be another's, which other
//! snapshots need as well; so nothing is moved, and each of those is marked when it is asked for.

use std::io::{self, Read};
use std::path::PathBuf;

use roost_schemas::snapshot::{Machine, Snapshot};
use roost_schemas::{Digest, SnapshotId};

use crate::error::{StoreError, Trouble, failed};
use crate::file;
use crate::loaded::Loaded;
use crate::store::Store;
use crate::verified::Need;
use crate::words::Opened;

/// The file in a snapshot's folder that keeps it in quarantine, and says why.
const MARK: &str = "quarantined";
/// Bytes of a reason that are repeated.
const REASON: u64 = 2000;

impl Store {
    /// Makes sure that every byte of `snapshot` is what was sealed, and that it was made for this machine. What is damaged
    /// is put in quarantine.
    pub fn check(&self, snapshot: &Snapshot) -> Result<Opened, StoreError> {
        let pin = self.pin(&snapshot.id);
        let loaded = self.checked(snapshot)?;
        Ok(Opened {
            snapshot: snapshot.clone(),
            folder: self.root.sealed(&snapshot.id),
            seal: loaded.seal,
            pin,
        })
    }

    /// Makes sure that all memory of `id` that a pager may still read is what was sealed, in quarantine or not. What is
    /// damaged otherwise, such as its drive, is no trouble to a VM that was restored from it.
    pub fn vouch_for_memory(&self, id: &SnapshotId) -> Result<(), StoreError> {
        let _pin = self.pin(id);
        let memory = Loaded::read_memory(&self.root, id);
        let needs = memory.map(|memory| Need::of(&memory).collect());
        let compared = needs.and_then(|needs| self.verified.require(&self.root, needs));
        compared.map_err(|trouble| self.quarantine(id, trouble))
    }

    /// What [`Self::check`] has made sure of. To be called with the snapshot pinned.
    pub(crate) fn checked(&self, snapshot: &Snapshot) -> Result<Loaded, StoreError> {
        let id = &snapshot.id;
        if snapshot.host != self.host {
            return Err(self.missing(id));
        }
        self.quarantined(id)?;
        let loaded = self.load(id, Some(snapshot.seal))?;
        let loaded = loaded.ok_or_else(|| self.missing(id))?;
        self.fits(id, &loaded.seal.machine)?;
        let needs = loaded.needs().collect();
        let compared = self.verified.require(&self.root, needs);
        compared.map_err(|trouble| self.quarantine(id, trouble))?;
        Ok(loaded)
    }

    /// Reads what `id` says of itself, if it is there; its seal must have the digest `seal`, if one is known.
    pub(crate) fn load(&self, id: &SnapshotId, seal: Option<Digest>) -> Result<Option<Loaded>, StoreError> {
        let folder = self.root.sealed(id);
        match folder.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("look for", &folder)(error)),
        }
        let loaded = Loaded::read(&self.root, id, seal);
        loaded.map(Some).map_err(|trouble| self.quarantine(id, trouble))
    }

    /// Puts `id` in quarantine if what kept it from being read is damage.
    pub(crate) fn quarantine(&self, id: &SnapshotId, trouble: Trouble) -> StoreError {
        let (damaged, damage) = match trouble {
            Trouble::Damaged { file, damage } => (file, damage),
            Trouble::Other(error) => return error,
        };
        let mark = self.mark(id);
        let reason = format!("{} {damage}", damaged.display());
        tracing::error!(snapshot = %id, %reason, "a snapshot is damaged");
        if let Err(error) = file::remove(&mark).and_then(|()| file::write(&mark, reason.as_bytes())) {
            // It is refused all the same, and will be found damaged again.
            tracing::warn!(snapshot = %id, %error, "the snapshot cannot be marked");
        }
        StoreError::Damaged {
            snapshot: id.clone(),
            file: damaged,
            damage: Box::new(damage),
            mark,
        }
    }

    fn quarantined(&self, id: &SnapshotId) -> Result<(), StoreError> {
        let plain = match self.root.plain(id.as_str(), MARK) {
            Ok(plain) => plain,
            Err(Trouble::Damaged { .. }) => return Ok(()),
            Err(Trouble::Other(error)) => return Err(error),
        };
        let mut reason = Vec::new();
        let read = (&plain.file).take(REASON).read_to_end(&mut reason);
        read.map_err(failed("read", &plain.path))?;
        Err(StoreError::Quarantined {
            snapshot: id.clone(),
            reason: String::from_utf8_lossy(&reason).into_owned(),
            mark: plain.path,
        })
    }

    fn mark(&self, id: &SnapshotId) -> PathBuf {
        self.root.sealed(id).join(MARK)
    }

    /// Refuses what was made for another machine.
    fn fits(&self, id: &SnapshotId, made_for: &Machine) -> Result<(), StoreError> {
        let ours = &self.machine;
        let engine = |machine: &Machine| format!("{:?}", machine.engine);
        let same = [
            ("engine", engine(made_for), engine(ours)),
            (
                "engine version",
                made_for.engine_version.clone(),
                ours.engine_version.clone(),
            ),
            ("processor", made_for.cpu.clone(), ours.cpu.clone()),
        ];
        match same.into_iter().find(|(_, made_for, ours)| made_for != ours) {
            None => Ok(()),
            Some((what, made_for, found)) => Err(StoreError::Unfit {
                snapshot: id.clone(),
                what,
                made_for,
                found,
            }),
        }
    }
}
