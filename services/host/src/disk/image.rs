//! Verifying one image: that it is there, whole, and what the manifest says.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use roost_images::{Digest, Image, VERSION};
use roost_schemas::TemplateName;

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file of the folder cannot be read.
    #[error("cannot read {path}: make the images with `cargo xtask images`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The manifest is not one.
    #[error("{path} is not an image manifest: make the images anew with `cargo xtask images`")]
    BadManifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The manifest is of another version of Roost.
    #[error(
        "{path} has version {found}, this program reads version {VERSION}: make the images with its own `cargo xtask images`"
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Two templates have one name, or one has no size.
    #[error("{path} is wrong about template {name}: {why}")]
    BadTemplate {
        /// The manifest.
        path: PathBuf,
        /// The template.
        name: TemplateName,
        /// What is wrong.
        why: &'static str,
    },
    /// An image is not as long as it should be, such as after an interrupted copy.
    #[error("{path} has {found} bytes instead of {expected}: make the images anew with `cargo xtask images`")]
    WrongSize {
        /// The image.
        path: PathBuf,
        /// Its length by the manifest.
        expected: u64,
        /// Its length.
        found: u64,
    },
    /// An image is not the one the manifest describes.
    #[error(
        "{path} is corrupt: its digest is {found} instead of {expected}; make the images anew with `cargo xtask images`"
    )]
    WrongDigest {
        /// The image.
        path: PathBuf,
        /// Its digest by the manifest.
        expected: String,
        /// Its digest.
        found: String,
    },
    /// No template has this name.
    #[error("there is no template {name}; known are: {}", join(known))]
    UnknownTemplate {
        /// The name asked for.
        name: TemplateName,
        /// The names there are.
        known: Vec<TemplateName>,
    },
}

fn join(names: &[TemplateName]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names
        .iter()
        .map(TemplateName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A file as it was when it was verified: any write or replacement changes one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// Checks that the image of `folder` is there and has the right length.
pub(super) fn check_size(folder: &Path, image: &Image) -> Result<(PathBuf, Identity), ImageError> {
    let path = folder.join(&image.file);
    let found = match std::fs::metadata(&path) {
        Ok(found) if found.is_file() => found,
        Ok(_) => {
            return Err(ImageError::Unreadable {
                path,
                source: io::Error::other("it is not a file"),
            });
        }
        Err(source) => return Err(ImageError::Unreadable { path, source }),
    };
    if found.len() != image.bytes {
        return Err(ImageError::WrongSize {
            path,
            expected: image.bytes,
            found: found.len(),
        });
    }
    let changed = (found.ctime(), found.ctime_nsec());
    let identity = Identity {
        device: found.dev(),
        inode: found.ino(),
        bytes: found.len(),
        changed,
    };
    Ok((path, identity))
}

/// Reads what is in the image and compares its digest.
pub(super) fn check_digest(path: &Path, expected: &Digest) -> Result<(), ImageError> {
    let read = File::open(path).and_then(|file| Digest::of(&file));
    let found = read.map_err(|source| ImageError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if found == *expected {
        return Ok(());
    }
    let (expected, found) = (expected.to_string(), found.to_string());
    Err(ImageError::WrongDigest {
        path: path.to_owned(),
        expected,
        found,
    })
}
