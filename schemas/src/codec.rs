//! MessagePack with field names, and what can go wrong reading it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes could not be read as the value they should hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// The bytes do not decode as what they should be.
    #[error("{what} of {bytes} bytes does not decode: {reason}")]
    Malformed {
        /// What the bytes were meant to be.
        what: &'static str,
        /// How many there were.
        bytes: usize,
        /// The decoder's words.
        reason: String,
    },
    /// A newer release wrote them.
    #[error("{what} has schema version {found}, but this release reads up to {newest}; upgrade this reader")]
    TooNew {
        /// What the bytes were meant to be.
        what: &'static str,
        /// The version they carry.
        found: u16,
        /// The newest this release knows.
        newest: u16,
    },
}

/// `value` as MessagePack maps with field names, which stay readable when fields are added.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("our own types have string keys and no fallible serializers")
}

/// Levels of nesting that MessagePack may have, as many as `serde_json` allows. Ours has fewer than ten; what is
/// deeper would only use up the reader's stack.
const MAX_DEPTH: usize = 128;

/// Reads MessagePack that `encode` wrote, all of it; `what` names the thing in the error.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Undecodable> {
    // Not `from_slice`, which leaves what stands behind the value unread and unmentioned.
    let mut reader = rmp_serde::Deserializer::new(bytes);
    reader.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut reader).map_err(|e| malformed(what, bytes, &e))?;
    match reader.get_ref().len() {
        0 => Ok(value),
        rest => Err(malformed(
            what,
            bytes,
            &format_args!("{rest} bytes stand behind its end"),
        )),
    }
}

/// Reads JSON, as people write it by hand.
pub fn decode_json<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Undecodable> {
    serde_json::from_slice(bytes).map_err(|e| malformed(what, bytes, &e))
}

fn malformed(what: &'static str, bytes: &[u8], reason: &dyn std::fmt::Display) -> Undecodable {
    Undecodable::Malformed {
        what,
        bytes: bytes.len(),
        reason: reason.to_string(),
    }
}

/// For `skip_serializing_if`: what is absent reads as false.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

/// For fields that are left out when they are zero.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
pub(crate) fn is_zero(value: &u64) -> bool {
    *value == 0
}
