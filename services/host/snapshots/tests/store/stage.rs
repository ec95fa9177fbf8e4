//! A store in a temporary folder, and machines whose memory and drive go into it.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::manifest::{Kind, Place, View};
use roost_schemas::snapshot::{Machine, PAGE, Snapshot};
use roost_schemas::spec::Resources;
use roost_schemas::{HostId, SnapshotId, Timestamp};
use roost_snapshots::{About, Dump, Sealed, Store, StoreError};

use crate::disk::MemoryDisk;

/// Pages of a memory of 1 MiB.
pub(crate) const MEMORY: u64 = 256;
/// Pages of a drive.
pub(crate) const DRIVE: u64 = 100;

/// What a page holds, all of it: 0 for zeros.
pub(crate) type Tag = u64;

/// The bytes of a page.
pub(crate) fn page(tag: Tag) -> Vec<u8> {
    tag.to_le_bytes().repeat(512)
}

/// A machine that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Still {
    pub(crate) memory: Vec<Tag>,
    pub(crate) drive: Vec<Tag>,
}

impl Still {
    pub(crate) fn zeros() -> Self {
        Self {
            memory: vec![0; usize::try_from(MEMORY).unwrap()],
            drive: vec![0; usize::try_from(DRIVE).unwrap()],
        }
    }

    /// A machine with a few pages in it.
    pub(crate) fn some(seed: Tag) -> Self {
        let mut still = Self::zeros();
        for (at, tag) in [(0, 1), (1, 2), (7, 3), (99, 4)] {
            still.memory[at] = seed + tag;
            still.drive[at] = seed + tag + 100;
        }
        still
    }
}

/// A store, and where machines leave their files.
pub(crate) struct Stage {
    folder: Folder,
    pub(crate) store: Store,
}

/// Where all of it is, until it is dropped.
enum Folder {
    Disk(tempfile::TempDir),
    Memory(MemoryDisk),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Disk(folder) => folder.path(),
            Self::Memory(disk) => disk.path(),
        }
    }
}

pub(crate) fn id(text: &str) -> SnapshotId {
    text.parse().unwrap()
}

pub(crate) fn host() -> HostId {
    "h1".parse().unwrap()
}

pub(crate) fn machine() -> Machine {
    Machine {
        engine: EngineKind::Qemu,
        engine_version: "1.0 on 7.2".into(),
        cpu: "a processor".into(),
    }
}

pub(crate) fn about() -> About {
    About {
        template: "minimal".parse().unwrap(),
        image: "the digest of minimal".into(),
        resources: Resources {
            vcpus: 1,
            memory_mb: 1,
        },
        taken_at: Timestamp(1_790_000_000_123),
    }
}

/// All of a memory.
pub(crate) fn complete() -> Dump {
    Dump {
        complete: true,
        removed: Vec::new(),
    }
}

/// Writes a sparse file in which `data` are the pages that are not holes.
pub(crate) fn write(path: &Path, pages: u64, data: impl IntoIterator<Item = (u64, Tag)>) {
    let file = File::create(path).unwrap();
    file.set_len(pages * PAGE).unwrap();
    for (number, tag) in data {
        file.write_all_at(&page(tag), number * PAGE).unwrap();
    }
}

/// The pages of `tags` that are not zeros.
pub(crate) fn data(tags: &[Tag]) -> impl Iterator<Item = (u64, Tag)> {
    (0..).zip(tags.iter().copied()).filter(|(_, tag)| *tag != 0)
}

impl Stage {
    /// On the disk of this machine.
    pub(crate) fn new() -> Self {
        Self::on(Folder::Disk(tempfile::tempdir().unwrap()))
    }

    /// On one in memory, where making things durable costs nothing.
    pub(crate) fn in_memory() -> Self {
        Self::on(Folder::Memory(MemoryDisk::new("size=256m")))
    }

    fn on(folder: Folder) -> Self {
        let store = open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    /// The same store, as another process finds it.
    pub(crate) fn again(self) -> Self {
        let Self { folder, store } = self;
        drop(store);
        Self::on(folder)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// A file of a sealed snapshot.
    pub(crate) fn file(&self, id: &SnapshotId, name: &str) -> PathBuf {
        self.store.folder().join(id.as_str()).join(name)
    }

    /// Takes a snapshot of `still` with all of its memory.
    pub(crate) fn take(&self, name: &str, still: &Still, parent: Option<&Snapshot>) -> Sealed {
        let parent = parent.map(|parent| &parent.id);
        self.try_take(&id(name), still, parent).unwrap()
    }

    pub(crate) fn try_take(
        &self,
        id: &SnapshotId,
        still: &Still,
        parent: Option<&SnapshotId>,
    ) -> Result<Sealed, StoreError> {
        let data: Vec<_> = data(&still.memory).collect();
        self.try_dump(id, &still.drive, parent, &data, &complete())
    }

    /// Takes a snapshot out of a dump in which `memory` are the pages that are not holes.
    pub(crate) fn try_dump(
        &self,
        id: &SnapshotId,
        drive: &[Tag],
        parent: Option<&SnapshotId>,
        memory: &[(u64, Tag)],
        dump: &Dump,
    ) -> Result<Sealed, StoreError> {
        let draft = self.store.draft(id)?;
        let path = self.path("drive");
        write(&path, drive.len() as u64, data(drive));
        fs::write(&draft.state, format!("the state of {id}")).unwrap();
        write(&draft.memory, MEMORY, memory.iter().copied());
        self.store.collect(id, &path, parent)?;
        self.store.seal(id, &about(), parent, dump)
    }

    /// What the pager would serve, and what is on the drive.
    pub(crate) fn read(&self, snapshot: &Snapshot) -> Still {
        let opened = self.store.check(snapshot).unwrap();
        let drive = self.path("restored");
        self.store
            .restore_drive(snapshot, &File::create(&drive).unwrap())
            .unwrap();
        let drive = fs::read(drive).unwrap();
        Still {
            memory: self.served(&opened.memory()),
            drive: drive.chunks(4096).map(tag).collect(),
        }
    }

    /// Reads every page that the manifest at `path` describes, each on its own.
    fn served(&self, path: &Path) -> Vec<Tag> {
        let bytes = fs::read(path).unwrap();
        let view = View::open(&bytes).unwrap();
        assert_eq!(view.kind(), Kind::Memory);
        let sources = view.sources().unwrap();
        let files = sources.iter().map(|source| {
            let file = self.file(&source.snapshot, Kind::Memory.generation_file());
            File::open(file).unwrap()
        });
        let files: Vec<_> = files.collect();
        let serve = |number| {
            let run = view.lookup(number).unwrap().from(number);
            let Place::Source { source, page } = run.place else {
                return 0;
            };
            let mut bytes = [0; 4096];
            files[source as usize]
                .read_exact_at(&mut bytes, page * PAGE)
                .unwrap();
            tag(&bytes)
        };
        (0..view.pages()).map(serve).collect()
    }
}

/// What a page holds; it must be all the same.
fn tag(bytes: &[u8]) -> Tag {
    let tag = Tag::from_le_bytes(bytes[..8].try_into().unwrap());
    assert!(bytes == page(tag), "a page is torn");
    tag
}

pub(crate) fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, host(), machine())
}

/// Ranges of these pages, one each.
pub(crate) fn each(pages: impl IntoIterator<Item = u64>) -> Vec<Range<u64>> {
    pages.into_iter().map(|page| page..page + 1).collect()
}
