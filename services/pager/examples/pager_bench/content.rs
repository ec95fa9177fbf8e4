//! A snapshot with a history, in a store of its own.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use roost_schemas::digest::Digest;
use roost_schemas::id::SnapshotId;
use roost_schemas::snapshot::manifest::{Change, Source};
use roost_schemas::snapshot::{Kind, Manifest, PAGE, file};
use tempfile::TempDir;

/// Generations over the first, which has all pages.
const DIFFS: u64 = 8;
/// Pages of which each of them has every so many'th group.
const GROUP: usize = 8;
const EVERY: usize = 32;

/// See the module.
pub(crate) struct Content {
    folder: TempDir,
    /// The generation that each page is from.
    generations: Vec<u64>,
}

impl Content {
    /// Writes one of `pages`: a first generation that is the whole memory, and smaller ones over it.
    pub(crate) fn write(pages: usize) -> Result<Self> {
        let mut content = Self {
            folder: TempDir::new()?,
            generations: vec![0; pages],
        };
        let mut manifest = Manifest::zeros(Kind::Memory, pages as u64);
        for generation in 0..=DIFFS {
            let groups: Vec<usize> = match usize::try_from(generation)? {
                0 => (0..pages / GROUP).collect(),
                diff => (diff * 3..pages / GROUP).step_by(EVERY).collect(),
            };
            manifest = content.add(&manifest, generation, &groups)?;
        }
        fs::write(content.manifest(), manifest.encode())?;
        Ok(content)
    }

    fn add(&mut self, parent: &Manifest, generation: u64, groups: &[usize]) -> Result<Manifest> {
        let path = self.generation(generation);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let mut file = BufWriter::new(File::create(&path)?);
        let mut changes = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            changes.push(Change {
                first: (group * GROUP) as u64,
                count: GROUP as u64,
                stored_at: Some((at * GROUP) as u64),
            });
            for page in group * GROUP..(group + 1) * GROUP {
                self.generations[page] = generation;
                let bytes = word(generation, page).to_le_bytes();
                file.write_all(&bytes.repeat(usize::try_from(PAGE)? / bytes.len()))?;
            }
        }
        // What the disk has to do is done before anything is measured.
        file.into_inner()?.sync_all()?;
        let source = Source {
            snapshot: name(generation),
            // A pager relies on its host for the comparison of digests.
            digest: Digest::of(b""),
            pages: (groups.len() * GROUP) as u64,
        };
        Ok(parent.overlaid(source, changes)?)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.path().join(file::MEMORY_MANIFEST)
    }

    /// The first generation, which is all of the memory as it was in the beginning.
    pub(crate) fn flat(&self) -> PathBuf {
        self.generation(0)
    }

    fn generation(&self, generation: u64) -> PathBuf {
        self.folder
            .path()
            .join(name(generation).as_str())
            .join(file::MEMORY_PAGES)
    }

    /// What `page` begins with.
    pub(crate) fn word(&self, page: usize) -> u64 {
        word(self.generations[page], page)
    }

    /// What it began with in the beginning.
    pub(crate) fn flat_word(&self, page: usize) -> u64 {
        assert!(page < self.generations.len());
        word(0, page)
    }
}

fn name(generation: u64) -> SnapshotId {
    SnapshotId::new(format!("g{generation}")).expect("a letter and a number are an id")
}

/// No page is zeros, and no two are the same.
fn word(generation: u64, page: usize) -> u64 {
    (generation + 1) << 32 | page as u64
}
