//! `manifest.json`: what the images folder holds, as written by `cargo xtask images`.

use std::path::{Component, Path};

use roost_schemas::TemplateName;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// The version of the format this release reads and writes.
pub const VERSION: u32 = 2;

/// The format's version, read before anything else of the file is believed.
#[derive(Debug, Deserialize)]
pub struct Versioned {
    /// [`VERSION`], if this release can read the rest.
    pub version: u32,
}

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The kernel as distributed (bzImage), for QEMU.
    pub kernel: Kernel,
    /// The same kernel as an ELF file, for Firecracker.
    pub vmlinux: Kernel,
    /// The initramfs.
    pub initramfs: Image,
    /// The empty file system that every writable drive is a copy of.
    pub blank_drive: Image,
    /// What sandboxes can start from.
    pub templates: Vec<TemplateEntry>,
}

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its name.
    pub file: FileName,
    /// Its content.
    pub digest: Digest,
    /// Its length, holes included.
    pub bytes: u64,
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// As `uname -r` says it.
    pub release: String,
    /// The file.
    #[serde(flatten)]
    pub image: Image,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateEntry {
    /// Its name.
    pub name: TemplateName,
    /// Its file system.
    #[serde(flatten)]
    pub image: Image,
    /// vCPUs of a sandbox that asks for none in particular.
    pub vcpus: u32,
    /// MiB of memory of a sandbox that asks for none in particular.
    pub memory_mb: u32,
}

/// The name of a file in the folder itself: no path can be written with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl AsRef<Path> for FileName {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let mut parts = Path::new(&name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(part)), None) if part == name.as_str() && !name.contains('\0') => {
                Ok(Self(name))
            }
            _ => Err(format!("{name:?} is not the name of a file beside the manifest")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_file_names() {
        for good in ["vmlinuz", "minimal.ext4", "..ext4", "a b"] {
            assert!(FileName::try_from(good.to_owned()).is_ok(), "{good:?}");
        }
        for bad in ["", ".", "..", "/etc/passwd", "../x", "a/b", "a/", "./a", "a\0b"] {
            assert!(FileName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
