//! Writing a generation file: pages one behind the other, with their digest.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use roost_schemas::SnapshotId;
use roost_schemas::snapshot::PAGE;
use roost_schemas::snapshot::manifest::Source;

use crate::error::{StoreError, failed};
use crate::file;

/// Bytes that are hashed and written at a time.
const BUFFER: usize = 1 << 20;

/// A generation file in the making.
pub(crate) struct Generation {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    pages: u64,
    buffer: Vec<u8>,
}

impl Generation {
    /// Begins the file at `path`, which must not be there.
    pub(crate) fn begin(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            file: file::create(path)?,
            path: path.to_owned(),
            hasher: blake3::Hasher::new(),
            pages: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// Adds whole pages; answers where the first of them stands.
    pub(crate) fn add(&mut self, pages: &[u8]) -> Result<u64, StoreError> {
        let at = self.pages;
        self.pages += pages.len() as u64 / PAGE;
        self.buffer.extend_from_slice(pages);
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(at)
    }

    /// Writes the rest. It is not durable yet.
    pub(crate) fn finish(mut self, snapshot: &SnapshotId) -> Result<Source, StoreError> {
        self.flush()?;
        Ok(Source {
            snapshot: snapshot.clone(),
            digest: self.hasher.finalize().into(),
            pages: self.pages,
        })
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.hasher.update(&self.buffer);
        let written: io::Result<()> = self.file.write_all(&self.buffer);
        written.map_err(failed("write", &self.path))?;
        self.buffer.clear();
        Ok(())
    }
}
