//! A snapshot store with generations of made-up memory.

use std::fs;
use std::path::{Path, PathBuf};

use roost_schemas::digest::Digest;
use roost_schemas::id::SnapshotId;
use roost_schemas::snapshot::manifest::{Change, Source};
use roost_schemas::snapshot::{Kind, Manifest, file};
use tempfile::TempDir;

use super::PAGE;

/// The content of a page, from the number that stands for it: 0 for zeros, and no two are the same.
pub(crate) fn page_of(number: u64) -> Vec<u8> {
    if number == 0 {
        return vec![0; PAGE];
    }
    (0..PAGE as u64 / 8)
        .flat_map(|word| (number << 16 | word).to_le_bytes())
        .collect()
}

/// A store, and what its newest generation is to read as.
pub(crate) struct Store {
    folder: TempDir,
    manifest: Manifest,
    /// The numbers of all pages, see [`page_of`].
    pub(crate) numbers: Vec<u64>,
    generations: u64,
    next: u64,
}

impl Store {
    /// One of zeros.
    pub(crate) fn zeros(pages: usize) -> Self {
        let store = Self {
            folder: TempDir::new().unwrap(),
            manifest: Manifest::zeros(Kind::Memory, pages as u64),
            numbers: vec![0; pages],
            generations: 0,
            next: 1,
        };
        store.write();
        store
    }

    /// One whose pages are all different, in one generation.
    pub(crate) fn full(pages: usize) -> Self {
        let mut store = Self::zeros(pages);
        store.generation(&[(0, pages, true)]);
        store
    }

    /// Lays a generation over it: runs as first page, count and whether they have data or are zeros, sorted and apart.
    pub(crate) fn generation(&mut self, changes: &[(usize, usize, bool)]) {
        self.generations += 1;
        let id = SnapshotId::new(format!("g{}", self.generations)).unwrap();
        let mut bytes = Vec::new();
        let mut all = Vec::new();
        for &(first, count, data) in changes {
            let stored_at = data.then_some((bytes.len() / PAGE) as u64);
            all.push(Change {
                first: first as u64,
                count: count as u64,
                stored_at,
            });
            for number in &mut self.numbers[first..first + count] {
                *number = if data { self.next } else { 0 };
                if data {
                    bytes.extend(page_of(self.next));
                    self.next += 1;
                }
            }
        }
        let source = Source {
            snapshot: id.clone(),
            digest: Digest::of(&bytes),
            pages: (bytes.len() / PAGE) as u64,
        };
        self.manifest = self.manifest.overlaid(source, all).unwrap();
        let folder = self.folder.path().join(id.as_str());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(file::MEMORY_PAGES), bytes).unwrap();
        self.write();
    }

    fn write(&self) {
        fs::write(self.manifest(), self.manifest.encode()).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.path().join(file::MEMORY_MANIFEST)
    }

    /// The generation file of generation `number`, from 1.
    pub(crate) fn generation_file(&self, number: u64) -> PathBuf {
        self.folder
            .path()
            .join(format!("g{number}"))
            .join(file::MEMORY_PAGES)
    }
}
