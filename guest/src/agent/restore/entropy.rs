//! Randomness of its own for a guest that wakes with the generator of another.

use std::error::Error;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use linux_crng_ioctl::ioctl::{add_randomness_to_kernel, force_kernel_crng_reseed};
use serde::Deserialize;
use thiserror::Error;

/// Bytes of a seed: at least what the kernel's generator has for a key.
const LENGTH: std::ops::RangeInclusive<usize> = 32..=512;

/// Random bytes from the host.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Entropy(Vec<u8>);

/// These are no random bytes.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum EntropyError {
    #[error("the entropy is not base64")]
    Base64,
    #[error("the entropy has {0} bytes, not 32 to 512")]
    Length(usize),
}

impl TryFrom<String> for Entropy {
    type Error = EntropyError;

    fn try_from(text: String) -> Result<Self, EntropyError> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| EntropyError::Base64)?;
        if LENGTH.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(EntropyError::Length(bytes.len()))
        }
    }
}

/// A secret is not written to logs.
impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entropy({} bytes)", self.0.len())
    }
}

impl Entropy {
    /// Mixes the bytes into the kernel's pool (`RNDADDENTROPY`) and has every processor's generator take its key from
    /// there before it gives out another byte (`RNDRESEEDCRNG`): without that a minute may pass, see random(4).
    pub(super) fn reseed(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let bits = u32::try_from(self.0.len() * 8)?;
        add_randomness_to_kernel(&self.0, bits)?;
        Ok(force_kernel_crng_reseed()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_long_enough_and_kept_from_logs() {
        let read = |bytes: usize| Entropy::try_from(BASE64_STANDARD.encode(vec![7; bytes]));
        assert_eq!(format!("{:?}", read(64).unwrap()), "Entropy(64 bytes)");
        assert_eq!(read(31).unwrap_err(), EntropyError::Length(31));
        assert_eq!(read(513).unwrap_err(), EntropyError::Length(513));
        assert_eq!(
            Entropy::try_from("!".repeat(64)).unwrap_err(),
            EntropyError::Base64
        );
    }
}
