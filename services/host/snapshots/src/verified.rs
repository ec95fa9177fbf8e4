//! Which files have been compared with their digests, so that what has not changed is read once.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use roost_schemas::snapshot::PAGE;
use roost_schemas::snapshot::manifest::Manifest;
use roost_schemas::{Digest, SnapshotId};

use crate::error::{Damage, Trouble, damaged, failed};
use crate::file;
use crate::root::{Identity, Plain, Root};

/// Threads that read at once: the disk is busy with them, and guests need the other cores.
const READERS: usize = 2;

/// Files as they were when they were compared. It lives as long as the host and no longer: what a disk does to a file that
/// nobody writes is found by the next.
#[derive(Debug, Default)]
pub(crate) struct Verified(Mutex<HashMap<PathBuf, (Identity, Digest)>>);

/// A file that is needed, and what it has to be. The largest come last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) bytes: u64,
    pub(crate) folder: SnapshotId,
    pub(crate) name: &'static str,
    pub(crate) digest: [u8; Digest::BYTES],
}

impl Need {
    /// The generation files that `manifest` names.
    pub(crate) fn of(manifest: &Manifest) -> impl Iterator<Item = Self> {
        let name = manifest.kind().generation_file();
        manifest.sources().iter().map(move |source| Self {
            bytes: source.pages.saturating_mul(PAGE),
            folder: source.snapshot.clone(),
            name,
            digest: *source.digest.as_bytes(),
        })
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::from_bytes(self.digest)
    }
}

impl Verified {
    /// Makes sure that all `needs` are there and what they have to be.
    pub(crate) fn require(&self, root: &Root, needs: BTreeSet<Need>) -> Result<(), Trouble> {
        let mut unread = Vec::new();
        for need in needs.into_iter().rev() {
            let plain = root.plain(need.folder.as_str(), need.name)?;
            let (found, expected) = (plain.identity.bytes, need.bytes);
            if found != expected {
                return Err(damaged(&plain, Damage::Length { found, expected }));
            }
            if self.lock().get(&plain.path) != Some(&(plain.identity, need.digest())) {
                unread.push((plain, need.digest()));
            }
        }
        self.read(&unread)
    }

    /// Compares files with their digests, a few at a time.
    fn read(&self, files: &[(Plain, Digest)]) -> Result<(), Trouble> {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((plain, expected)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(trouble) = self.compare(plain, *expected) {
                    // The others need not go on.
                    next.store(files.len(), Ordering::Relaxed);
                    return Err(trouble);
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let others = READERS.min(files.len()).saturating_sub(1);
            let readers: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let theirs = readers
                .into_iter()
                .map(|reader| reader.join().expect("readers do not panic"));
            theirs.fold(mine, Result::and)
        })
    }

    fn compare(&self, plain: &Plain, expected: Digest) -> Result<(), Trouble> {
        let found = file::digest(&plain.file).map_err(failed("read", &plain.path))?;
        if found != expected {
            return Err(damaged(plain, Damage::Digest { found, expected }));
        }
        self.trust(&plain.path, plain.identity, found);
        Ok(())
    }

    /// Takes it that the file at `path`, as it was when it had this identity, has this digest.
    pub(crate) fn trust(&self, path: &Path, identity: Identity, digest: Digest) {
        self.lock().insert(path.to_owned(), (identity, digest));
    }

    /// Forgets what is gone.
    pub(crate) fn forget(&self, folder: &Path) {
        self.lock().retain(|path, _| !path.starts_with(folder));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, (Identity, Digest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
