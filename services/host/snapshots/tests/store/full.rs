//! A full disk, at every write of a seal and of a compaction: nothing is sealed, and nothing is left.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use roost_schemas::snapshot::working_set::WorkingSet;
use roost_schemas::snapshot::{Snapshot, file};
use roost_snapshots::{Dump, Sealed, Store, StoreError};
use rustix::fs::statvfs;

use crate::disk::MemoryDisk;
use crate::stage::{DRIVE, MEMORY, about, complete, host, id, machine, write};

/// Blocks of the small file system.
const BLOCKS: u64 = 400;
/// Its inodes.
const INODES: u64 = 40;

/// A file system with few blocks and inodes.
struct SmallDisk(MemoryDisk);

impl SmallDisk {
    fn new() -> Self {
        Self(MemoryDisk::new(&format!("nr_blocks={BLOCKS},nr_inodes={INODES}")))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes what is free but for so many blocks.
    fn leave_blocks(&self, blocks: u64) {
        let ballast = self.path().join("ballast");
        let mut file = File::create(ballast).unwrap();
        let free = statvfs(self.path()).unwrap().f_bfree;
        let taken = usize::try_from(free.saturating_sub(blocks)).unwrap();
        file.write_all(&vec![1; taken * 4096]).unwrap();
    }

    /// Takes what is free but for so many inodes.
    fn leave_inodes(&self, inodes: u64) {
        let free = statvfs(self.path()).unwrap().f_ffree;
        for number in inodes..free {
            File::create(self.path().join(format!("ballast{number}"))).unwrap();
        }
    }

    fn relieve(&self) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

/// A store on a small disk, with one snapshot that has a working set; and a drive on another disk.
struct Scene {
    disk: SmallDisk,
    _outside: tempfile::TempDir,
    drive: PathBuf,
    store: Store,
    parent: Snapshot,
}

impl Scene {
    fn new() -> Self {
        let (disk, outside) = (SmallDisk::new(), tempfile::tempdir().unwrap());
        let drive = outside.path().join("drive");
        let store = Store::open(&disk.path().join("store"), host(), machine()).unwrap();
        write(&drive, DRIVE, [(1, 1), (2, 2)]);
        let draft = store.draft(&id("sn1")).unwrap();
        fs::write(&draft.state, "state").unwrap();
        write(&draft.memory, MEMORY, [(3, 3)]);
        store.collect(&draft.id, &drive, None).unwrap();
        let parent = store
            .seal(&draft.id, &about(), None, &complete())
            .unwrap()
            .snapshot;
        let mut set = WorkingSet::default();
        set.add(0, 9);
        fs::write(store.check(&parent).unwrap().working_set(), set.encode()).unwrap();
        // What is taken next has much that is new.
        write(&drive, DRIVE, (10..30).map(|page| (page, page)));
        Self {
            disk,
            _outside: outside,
            drive,
            store,
            parent,
        }
    }

    /// Prepares and does some work with ever more of what `leave` leaves for it, until it succeeds; answers at which files
    /// it failed.
    fn until_it_fits(
        &self,
        leave: fn(&SmallDisk, u64),
        prepare: &dyn Fn(),
        work: &dyn Fn() -> Result<Sealed, StoreError>,
    ) -> BTreeSet<String> {
        let mut at = BTreeSet::new();
        for left in 0.. {
            prepare();
            leave(&self.disk, left);
            let done = work();
            self.disk.relieve();
            let error = match done {
                Ok(sealed) => {
                    self.store
                        .check(&sealed.snapshot)
                        .expect("what is sealed is whole");
                    break;
                }
                Err(error) => error,
            };
            let StoreError::NoSpace { path, .. } = &error else {
                panic!("{left} left: {error:?}");
            };
            assert!(error.to_string().contains("remove sandboxes"), "{error}");
            at.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
            assert_eq!(
                fs::read_dir(self.store.folder()).unwrap().count(),
                1,
                "{left} left: {error}"
            );
            assert_eq!(error.unusable(), None, "trying again is of use");
        }
        self.store.check(&self.parent).expect("the parent is as it was");
        at
    }

    /// Seals a snapshot whose memory has changed in `pages`.
    fn seal(leave: fn(&SmallDisk, u64), pages: Range<u64>) -> BTreeSet<String> {
        let scene = Self::new();
        let (next, parent) = (id("sn2"), Some(&scene.parent.id));
        let engine = || {
            let draft = scene.store.draft(&next).unwrap();
            fs::write(&draft.state, "state").unwrap();
            write(&draft.memory, MEMORY, pages.clone().map(|page| (page, page)));
        };
        scene.until_it_fits(leave, &engine, &|| {
            scene.store.collect(&next, &scene.drive, parent)?;
            scene.store.seal(&next, &about(), parent, &Dump::default())
        })
    }

    fn compact(leave: fn(&SmallDisk, u64)) -> BTreeSet<String> {
        let scene = Self::new();
        scene.until_it_fits(leave, &|| {}, &|| {
            scene.store.compact(&scene.parent, &id("flat"), &|| false)
        })
    }
}

fn every_file_but<const N: usize>(without: [&str; N]) -> BTreeSet<String> {
    let written = [
        file::SEAL,
        file::STATE,
        file::MEMORY_MANIFEST,
        file::MEMORY_PAGES,
        file::DISK_MANIFEST,
        file::DISK_PAGES,
        file::WORKING_SET,
    ];
    let written = written.into_iter().filter(|name| !without.contains(name));
    written.map(str::to_owned).collect()
}

#[test]
fn a_seal_without_room_leaves_nothing_at_whichever_write() {
    // The dump's own pages are free again when the last files are written: without any, those find no room either.
    let mut failed = Scene::seal(SmallDisk::leave_blocks, 0..0);
    failed.extend(Scene::seal(SmallDisk::leave_blocks, 100..140));
    // The engine writes its state, not the store.
    assert_eq!(failed, every_file_but([file::STATE]));
}

#[test]
fn a_seal_without_inodes_leaves_nothing_at_whichever_file() {
    let failed = Scene::seal(SmallDisk::leave_inodes, 100..140);
    // When the dump is gone, one file more can be made.
    assert_eq!(failed, every_file_but([file::STATE, file::WORKING_SET]));
}

#[test]
fn a_compaction_without_room_leaves_nothing_at_whichever_write() {
    let mut failed = Scene::compact(SmallDisk::leave_blocks);
    failed.extend(Scene::compact(SmallDisk::leave_inodes));
    failed.remove(".draft-flat");
    assert_eq!(failed, every_file_but([]));
}
