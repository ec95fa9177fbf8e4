//! Digests of sparse files, which cost what is in a file and not how long it is.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::sparse;

/// Bytes of a block.
const BLOCK: usize = 4096;
/// Bytes read at a time.
const CHUNK: usize = 256 * BLOCK;
/// How a digest is written.
const PREFIX: &str = "blake3-blocks:";

/// The blake3 digest of a file's length and of each of its 4 KiB blocks that is not all zeros, with its number.
///
/// It depends on what a reader of the file reads, not on where the file system has holes; `blake3-blocks:` and 64
/// hexadecimal digits. Numbers are little-endian, 8 bytes; the last block may be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(blake3::Hash);

impl Digest {
    /// The digest of `file`; holes are not read.
    pub fn of(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&length.to_le_bytes());
        let mut buffer = vec![0; CHUNK];
        let mut at = 0;
        while let Some((start, end)) = sparse::next_data(file, at, length)? {
            // A run of data begins and ends where the file system likes; blocks do not.
            at = start.max(at) / BLOCK as u64 * BLOCK as u64;
            let end = end.next_multiple_of(BLOCK as u64).min(length);
            while at < end {
                let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
                file.read_exact_at(&mut buffer[..wanted], at)?;
                for block in buffer[..wanted].chunks(BLOCK) {
                    if block.iter().any(|byte| *byte != 0) {
                        hasher.update(&(at / BLOCK as u64).to_le_bytes());
                        hasher.update(block);
                    }
                    at += block.len() as u64;
                }
            }
        }
        Ok(Self(hasher.finalize()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hash = text
            .strip_prefix(PREFIX)
            .and_then(|digits| blake3::Hash::from_str(digits).ok());
        hash.map(Self)
            .ok_or_else(|| format!("{text:?} is not {PREFIX:?} and 64 hexadecimal digits"))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(length: u64, data: &[(u64, &[u8])]) -> Digest {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        for (at, bytes) in data {
            file.write_all_at(bytes, *at).unwrap();
        }
        Digest::of(&file).unwrap()
    }

    #[test]
    fn holes_and_written_zeros_are_the_same() {
        let zeros = vec![0; 3 * BLOCK];
        assert_eq!(
            file(1 << 30, &[(8192, b"x")]),
            file(1 << 30, &[(0, &zeros), (8192, b"x")])
        );
    }

    #[test]
    fn content_place_and_length_count() {
        let one = file(1 << 20, &[(8192, b"x")]);
        assert_ne!(one, file(1 << 20, &[(8192, b"y")]));
        assert_ne!(one, file(1 << 20, &[(8193, b"x")]));
        assert_ne!(one, file(1 << 20, &[(4096, b"x")]));
        assert_ne!(one, file((1 << 20) + 1, &[(8192, b"x")]));
        assert_ne!(file(5, &[(0, b"short")]), file(6, &[(0, b"short")]));
    }

    #[test]
    fn a_large_file_is_read_in_chunks() {
        let bytes: Vec<u8> = (0..CHUNK * 2 + 17)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let mut other = bytes.clone();
        other[CHUNK + 5] ^= 1;
        assert_ne!(file(0, &[(0, &bytes)]), file(0, &[(0, &other)]));
    }

    #[test]
    fn digests_read_back() {
        let digest = file(0, &[]);
        assert_eq!(Digest::try_from(digest.to_string()), Ok(digest));
        for bad in ["", PREFIX, "blake3-blocks:00", "sha256:00", &digest.0.to_string()] {
            assert!(Digest::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
