//! What a sandbox's metadata service (MMDS at 169.254.169.254) tells its guest.
//!
//! The keys are those that E2B's agent reads, see its `MMDSOpts`.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{SandboxId, TemplateName};

/// Where a guest finds its metadata.
pub const ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(169, 254, 169, 254);

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The sandbox.
    #[serde(rename = "instanceID")]
    pub sandbox: SandboxId,
    /// Its template.
    #[serde(rename = "envID")]
    pub template: TemplateName,
    /// [`token_hash`] of the access token that the agent may be initialised with.
    #[serde(rename = "accessTokenHash")]
    pub access_token_hash: String,
}

/// SHA-256 of a token, in hex.
pub fn token_hash(token: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(token.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_in_hex() {
        let hash = token_hash("abc");
        assert!(hash.starts_with("ba7816bf8f01cfea") && hash.len() == 64, "{hash}");
    }
}
