//! A file being written that is not left half done.

use super::failed;
use crate::machine::Fault;
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// An open file. Unless it is kept, and if it was not there before, it is removed.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    file: File,
    is_new: bool,
}

impl Output {
    /// Opens `path`, for us alone when it is new. What was there stays: a diff goes over it.
    pub(super) fn create(what: &'static str, path: &Path) -> Result<Self, Fault> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        let (file, is_new) = match options.clone().create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Opening a pipe would wait for a reader.
                let kind = fs::metadata(path).map_err(failed(what, path))?.file_type();
                if !kind.is_file() {
                    return Err(failed(what, path)(io::Error::other("is not a file")));
                }
                (options.open(path).map_err(failed(what, path))?, false)
            }
            created => (created.map_err(failed(what, path))?, true),
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            is_new,
        })
    }

    /// The file.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// It is whole.
    pub(crate) fn keep(mut self) {
        self.is_new = false;
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_new
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a half-written file");
        }
    }
}
