//! The state file: a header, QEMU's stream, and a digest over both.
//!
//! ```text
//!   "ROOSTQEM" · format: u32 · header length: u32 · header · stream length: u64 · stream · blake3 of all before
//! ```
//!
//! Numbers are little-endian. Nothing of a file is believed before its digest fits.

use super::{Header, Output, failed};
use crate::machine::Fault;
use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"ROOSTQEM";

/// Raised when a reader of this code could no longer read what it wrote.
const FORMAT: u32 = 1;

/// Longest file that is read, in bytes. A machine's state is about 150 KiB and a few more per vCPU.
const MAX_BYTES: u64 = 64 << 20;

const WHAT: &str = "snapshot_path";

/// Why bytes are no state file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Damage {
    #[error("it is not a snapshot's state file")]
    Magic,
    #[error("its format is {found}, and {FORMAT} is what can be read")]
    Format { found: u32 },
    #[error("it is cut short or its digest does not fit: it is damaged")]
    Digest,
    #[error("its header makes no sense: {reason}")]
    Header { reason: String },
}

/// Writes the state file of a machine whose device state is `stream`.
pub(crate) fn write(path: &Path, header: &Header, stream: &[u8]) -> Result<Output, Fault> {
    let mut output = Output::create(WHAT, path)?;
    let bytes = encode(header, stream).map_err(|error| failed(WHAT, path)(error.into()))?;
    output.file().set_len(0).map_err(failed(WHAT, path))?;
    output.file().write_all(&bytes).map_err(failed(WHAT, path))?;
    Ok(output)
}

/// Reads a state file: the header and QEMU's stream.
pub(crate) fn read(path: &Path) -> Result<(Header, Vec<u8>), Fault> {
    let damaged = |reason: String| Fault::Damaged {
        path: PathBuf::from(path),
        reason,
    };
    let kind = path.metadata().map_err(failed(WHAT, path))?;
    if !kind.is_file() || kind.len() > MAX_BYTES {
        return Err(damaged(format!("it is no file of at most {MAX_BYTES} bytes")));
    }
    let file = File::open(path).map_err(failed(WHAT, path))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed(WHAT, path))?;
    decode(&bytes).map_err(|damage| damaged(damage.to_string()))
}

fn encode(header: &Header, stream: &[u8]) -> serde_json::Result<Vec<u8>> {
    let header = serde_json::to_vec(header)?;
    let header_len = u32::try_from(header.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(header.len() + stream.len() + 64);
    bytes.extend(MAGIC);
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(header_len.to_le_bytes());
    bytes.extend(header);
    bytes.extend((stream.len() as u64).to_le_bytes());
    bytes.extend(stream);
    let digest = blake3::hash(&bytes);
    bytes.extend(digest.as_bytes());
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<(Header, Vec<u8>), Damage> {
    let (format, rest) = bytes
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.split_first_chunk())
        .ok_or(Damage::Magic)?;
    let found = u32::from_le_bytes(*format);
    if found != FORMAT {
        return Err(Damage::Format { found });
    }
    let (_, digest) = rest.split_last_chunk().ok_or(Damage::Digest)?;
    let digest: &[u8; blake3::OUT_LEN] = digest;
    if blake3::hash(&bytes[..bytes.len() - digest.len()]) != *digest {
        return Err(Damage::Digest);
    }
    let (header, stream) = parts(&rest[..rest.len() - digest.len()]).ok_or(Damage::Digest)?;
    let header = serde_json::from_slice(header).map_err(|error| Damage::Header {
        reason: error.to_string(),
    })?;
    Ok((header, stream.to_vec()))
}

/// Header and stream, each behind its length, and nothing else.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (header, rest) = rest.split_at_checked(u32::from_le_bytes(*length).try_into().ok()?)?;
    let (length, stream) = rest.split_first_chunk()?;
    (u64::from_le_bytes(*length) == stream.len() as u64).then_some((header, stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{machine::Config, qemu::Accelerator};
    use proptest::prelude::*;

    fn header() -> Header {
        Header::new("engine".to_owned(), Accelerator::Kvm, &Config::default())
    }

    #[test]
    fn another_format_is_told_apart_from_damage() {
        let mut bytes = encode(&header(), b"stream").unwrap();
        bytes[MAGIC.len()] = 9;
        assert_eq!(decode(&bytes), Err(Damage::Format { found: 9 }));
        assert_eq!(decode(b"a memory file, say"), Err(Damage::Magic));
    }

    #[test]
    fn a_header_with_a_good_digest_is_still_checked() {
        let mut bytes = encode(&header(), b"stream").unwrap();
        bytes.truncate(bytes.len() - blake3::OUT_LEN);
        let place = bytes.windows(6).position(|part| part == b"engine").unwrap();
        bytes[place] = b'E';
        let digest = blake3::hash(&bytes);
        bytes.extend(digest.as_bytes());
        assert!(matches!(decode(&bytes), Err(Damage::Header { .. })));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(stream in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let bytes = encode(&header(), &stream).unwrap();
            prop_assert_eq!(decode(&bytes), Ok((header(), stream)));
        }

        #[test]
        fn a_flipped_bit_or_a_missing_end_is_refused(
            stream in proptest::collection::vec(any::<u8>(), 0..500),
            place: proptest::sample::Index,
            bit in 0..8_u8,
        ) {
            let bytes = encode(&header(), &stream).unwrap();
            let place = place.index(bytes.len());
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            prop_assert!(decode(&flipped).is_err());
            prop_assert!(decode(&bytes[..place]).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode(&[&MAGIC[..], &FORMAT.to_le_bytes(), &bytes].concat());
        }
    }
}
