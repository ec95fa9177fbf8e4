//! Files of a draft: written once, made durable before the draft has its name.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use roost_schemas::Digest;
use roost_schemas::snapshot::PAGE;

use crate::error::{StoreError, failed};

/// Bytes read at a time; whole pages.
pub(crate) const CHUNK: usize = 1 << 20;

/// A page of zeros.
pub(crate) const ZEROS: [u8; 4096] = [0; 4096];
const _: () = assert!(ZEROS.len() as u64 == PAGE && CHUNK.is_multiple_of(ZEROS.len()));

/// Bytes of this many pages, or as many as are read at a time.
pub(crate) fn chunk(pages: u64) -> usize {
    usize::try_from(pages.saturating_mul(PAGE)).map_or(CHUNK, |bytes| bytes.min(CHUNK))
}

/// Makes a new file for root's eyes only.
pub(crate) fn create(path: &Path) -> Result<File, StoreError> {
    let made = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map_err(failed("create", path))
}

/// Makes a new file of `bytes`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    create(path)?.write_all(bytes).map_err(failed("write", path))
}

/// Makes a file or folder durable.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(failed("sync", path))
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    absent(fs::remove_file(path)).map_err(failed("remove", path))
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<(), StoreError> {
    absent(fs::remove_dir_all(path)).map_err(failed("remove", path))
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The digest of what is left of `file`.
pub(crate) fn digest(file: &File) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let mut file = file;
    loop {
        match io::Read::read(&mut file, &mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(read) => _ = hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
