//! What clients attach to files: `X-Metadata-<key>` headers, kept as `user.e2b.<key>` extended attributes.
//!
//! The limits are E2B's: printable ASCII, 246 bytes for a key, 4096 for everything on one file.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::Path;

use http::HeaderMap;
use rustix::buffer::spare_capacity;
use rustix::fs::{XattrFlags, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr};
use rustix::io::Errno;
use thiserror::Error;

/// Keys and values of one file.
pub(super) type Metadata = BTreeMap<String, String>;

const HEADER: &str = "x-metadata-";
const ATTRIBUTE: &str = "user.e2b.";

/// Linux' limit for an attribute's name, less our prefix.
const LONGEST_KEY: usize = 255 - ATTRIBUTE.len();
/// What ext4 keeps for one file, names included.
const MOST: usize = 4096;
/// Linux' limits for the list of a file's attributes and for one value.
const MOST_NAMES: usize = 65_536;
const LONGEST_VALUE: usize = 65_536;

/// Metadata that cannot be kept.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum MetadataError {
    #[error("metadata key {0:?} has more than {LONGEST_KEY} bytes")]
    Key(String),
    #[error("the value of metadata key {0:?} is not printable ASCII")]
    Value(String),
    #[error("the metadata has {0} bytes, prefixes included; at most {MOST} are possible")]
    Total(usize),
}

/// The metadata in a request's headers; of a header sent twice the first counts.
pub(super) fn requested(headers: &HeaderMap) -> Result<Metadata, MetadataError> {
    let mut metadata = Metadata::new();
    let mut total = 0;
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix(HEADER).filter(|key| !key.is_empty()) else {
            continue;
        };
        if key.len() > LONGEST_KEY {
            return Err(MetadataError::Key(key.to_owned()));
        }
        let value = value
            .to_str()
            .ok()
            .filter(|value| value.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
            .ok_or_else(|| MetadataError::Value(key.to_owned()))?;
        if !metadata.contains_key(key) {
            total += ATTRIBUTE.len() + key.len() + value.len();
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }
    if total > MOST {
        return Err(MetadataError::Total(total));
    }
    Ok(metadata)
}

/// The metadata of what `path` leads to; what is not text, or cannot be read, is not there.
pub(super) fn read(path: &Path) -> Metadata {
    let mut metadata = Metadata::new();
    let mut list = Vec::with_capacity(256);
    if filled(&mut list, MOST_NAMES, |list| {
        listxattr(path, spare_capacity(list))
    })
    .is_err()
    {
        return metadata;
    }
    for key in keys(&list) {
        let mut value = Vec::with_capacity(256);
        let read = filled(&mut value, LONGEST_VALUE, |value| {
            getxattr(path, format!("{ATTRIBUTE}{key}"), spare_capacity(value))
        });
        if let (Ok(()), Ok(value)) = (read, String::from_utf8(value)) {
            metadata.insert(key.to_owned(), value);
        }
    }
    metadata
}

/// Reads into the buffer, which grows to `most` if need be.
fn filled(
    buffer: &mut Vec<u8>,
    most: usize,
    read: impl Fn(&mut Vec<u8>) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    match read(buffer) {
        Err(Errno::RANGE) => {
            buffer.reserve(most);
            read(buffer).map(drop)
        }
        other => other.map(drop),
    }
}

/// Our keys in a list of attributes' names, each of which ends with a NUL.
fn keys(list: &[u8]) -> impl Iterator<Item = &str> {
    list.split(|byte| *byte == 0)
        .filter_map(|name| str::from_utf8(name).ok()?.strip_prefix(ATTRIBUTE))
}

/// Replaces a file's metadata: what was there before and is not in `metadata` goes.
///
/// A file system without attributes (`/proc`, `/sys`) keeps none, which is no error; reading it back tells.
pub(super) fn replace(file: impl AsFd, metadata: &Metadata) -> Result<(), Errno> {
    let mut list = Vec::with_capacity(256);
    match filled(&mut list, MOST_NAMES, |list| {
        flistxattr(&file, spare_capacity(list))
    }) {
        Err(Errno::NOTSUP) => return Ok(()),
        other => other?,
    }
    for old in keys(&list).filter(|key| !metadata.contains_key(*key)) {
        match fremovexattr(&file, format!("{ATTRIBUTE}{old}")) {
            Ok(()) | Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    for (key, value) in metadata {
        match fsetxattr(
            &file,
            format!("{ATTRIBUTE}{key}"),
            value.as_bytes(),
            XattrFlags::empty(),
        ) {
            Err(Errno::NOTSUP) => return Ok(()),
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn headers_become_lowercase_keys() {
        let metadata = requested(&headers(&[
            ("X-Metadata-Author", "me"),
            ("X-Metadata-", "x"),
            ("X-Other", "y"),
        ]))
        .unwrap();
        assert_eq!(metadata, [("author".into(), "me".into())].into());
    }

    #[test]
    fn what_ext4_could_not_keep_is_refused() {
        let long = format!("{HEADER}{}", "k".repeat(247));
        assert!(matches!(
            requested(&headers(&[(&long, "v")])),
            Err(MetadataError::Key(_))
        ));
        let mut odd = HeaderMap::new();
        odd.insert("x-metadata-a", http::HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(requested(&odd), Err(MetadataError::Value("a".into())));
        assert!(matches!(
            requested(&headers(&[("x-metadata-a", &"v".repeat(4090))])),
            Err(MetadataError::Total(_))
        ));
    }

    #[test]
    fn an_upload_replaces_all_metadata() {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let path = folder.path().join("file");
        let file = File::create(&path).unwrap();
        let first: Metadata = [("a".into(), "1".into()), ("b".into(), "x".repeat(1000))].into();
        replace(&file, &first).unwrap();
        let second: Metadata = [("b".into(), "2".into()), ("c".into(), String::new())].into();
        assert_eq!(read(&path), first, "the file system of /var/tmp keeps attributes");
        replace(&file, &second).unwrap();
        assert_eq!(read(&path), second);
        replace(&file, &Metadata::new()).unwrap();
        assert!(read(&path).is_empty());
    }
}
