//! The initramfs: the guest's program as `/init`, and the kernel modules it loads.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use cpio::newc::{Builder, ModeFileType, trailer};

use super::store::{Artefact, Key, Store};

/// Joins the program with the archive of modules. Not compressed: unpacking 4 MB by an emulated CPU takes longer than
/// reading them.
pub(super) async fn ensure(store: &Store, program: &Artefact, modules: &Artefact) -> Result<Artefact> {
    let key = Key::new("initramfs/1")
        .with(program.content.digest.to_string())
        .with(modules.content.digest.to_string());
    store
        .artefact("initramfs.cpio", &key, async |to: &Path| {
            let mut archive = Archive::create(to)?;
            archive.file("init", 0o755, &fs::read(&program.path)?)?;
            let mut file = archive.finish()?;
            // The kernel reads archives that follow each other.
            file.write_all(&fs::read(&modules.path)?)?;
            Ok(file.flush()?)
        })
        .await
}

/// A cpio archive in the `newc` format, the kernel's own; the same input gives the same bytes.
pub(super) struct Archive {
    file: BufWriter<File>,
    entries: u32,
}

impl Archive {
    /// Begins an archive at `path`.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self {
            file: BufWriter::new(file),
            entries: 0,
        })
    }

    /// Adds a folder, which must come before what is in it.
    pub(super) fn folder(&mut self, name: &str) -> Result<()> {
        let entry = self
            .entry(name)
            .mode(0o755)
            .set_mode_file_type(ModeFileType::Directory);
        entry.write(&mut self.file, 0).finish()?;
        Ok(())
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<()> {
        let length = u32::try_from(content.len()).with_context(|| format!("{name} is too long for cpio"))?;
        let entry = self
            .entry(name)
            .mode(mode)
            .set_mode_file_type(ModeFileType::Regular);
        let mut writer = entry.write(&mut self.file, length);
        writer.write_all(content)?;
        writer.finish()?;
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(self) -> Result<BufWriter<File>> {
        Ok(trailer(self.file)?)
    }

    fn entry(&mut self, name: &str) -> Builder {
        self.entries += 1;
        Builder::new(name).ino(self.entries).nlink(1)
    }
}
