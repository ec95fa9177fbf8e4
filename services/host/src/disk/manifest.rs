//! `manifest.json`: what the images folder holds, as written by `cargo xtask images`.

use std::fmt;
use std::path::{Component, Path};
use std::str::FromStr;

use roost_schemas::TemplateName;
use serde::Deserialize;

/// The version of the format this program reads.
pub(super) const VERSION: u32 = 1;

/// The format's version, read before anything else of the file is believed.
#[derive(Debug, Deserialize)]
pub(super) struct Versioned {
    pub(super) version: u32,
}

/// The whole file. Fields that are not listed are of no use to a host.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) kernel: Image,
    pub(super) vmlinux: Image,
    pub(super) initramfs: Image,
    pub(super) blank_drive: Image,
    pub(super) templates: Vec<TemplateEntry>,
}

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Image {
    pub(super) file: FileName,
    pub(super) digest: Digest,
    pub(super) bytes: u64,
}

/// One template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct TemplateEntry {
    pub(super) name: TemplateName,
    #[serde(flatten)]
    pub(super) image: Image,
    pub(super) vcpus: u32,
    pub(super) memory_mb: u32,
}

/// The name of a file in the folder itself: no path can be written with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct FileName(String);

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

/// A blake3 digest, written `blake3:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Digest(pub(super) blake3::Hash);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blake3:{}", self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hash = text
            .strip_prefix("blake3:")
            .and_then(|digits| blake3::Hash::from_str(digits).ok());
        hash.map(Self)
            .ok_or_else(|| format!("{text:?} is not \"blake3:\" and 64 hexadecimal digits"))
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

    #[test]
    fn digests_read_back() {
        let digest = Digest(blake3::hash(b"roost"));
        assert_eq!(Digest::try_from(digest.to_string()), Ok(digest));
        for bad in [
            "",
            "blake3:",
            "blake3:00",
            "sha256:00",
            &blake3::hash(b"roost").to_string(),
        ] {
            assert!(Digest::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
