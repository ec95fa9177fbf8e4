//! The secrets of the data plane, all derived from one key that the gateway and the hosts share.
//!
//! ```text
//!   TokenKey ──┬─ access(sandbox)   a client shows it to the sandbox's agent
//!              ├─ traffic(sandbox)  a client shows it for ports that are not public
//!              ├─ edge()            the gateway shows it to a host's edge
//!              ├─ key_hash(key)     the log has it in an API key's place
//!              └─ webhook(id)       what is told to a webhook is signed with it
//! ```
//!
//! Derived, so that none of them stands in the log and each can be told again at any time.

use std::fmt;
use std::str::FromStr;

use crate::id::{SandboxId, TenantId, WebhookId};
use crate::tenant::KeyHash;

/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// Hex characters of a token: 160 bits.
const TOKEN_CHARS: usize = 40;

/// The key; shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey([u8; KEY_BYTES]);

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token key is not {len} hex digits: make one with `openssl rand -hex 32`", len = KEY_BYTES * 2)]
pub struct InvalidTokenKey;

impl TokenKey {
    /// The variable in which processes are given the key.
    pub const VARIABLE: &str = "ROOST_TOKEN_KEY";

    /// What a client shows to the agent of `sandbox` as `X-Access-Token`.
    pub fn access(&self, sandbox: &SandboxId) -> String {
        self.derive("roost 2026 sandbox access token", sandbox.as_str())
    }

    /// What a client shows for the ports of `sandbox` if they are not public.
    pub fn traffic(&self, sandbox: &SandboxId) -> String {
        self.derive("roost 2026 sandbox traffic token", sandbox.as_str())
    }

    /// What the gateway shows to a host's edge.
    pub fn edge(&self) -> String {
        self.derive("roost 2026 host edge token", "")
    }

    /// What the log has of an API key.
    pub fn key_hash(&self, key: &str) -> KeyHash {
        let own = blake3::derive_key("roost 2026 api key hash", &self.0);
        KeyHash::from_bytes(*blake3::keyed_hash(&own, key.as_bytes()).as_bytes())
    }

    /// The secret that a webhook of `tenant` shares with its target.
    pub fn webhook(&self, tenant: &TenantId, webhook: &WebhookId) -> [u8; KEY_BYTES] {
        let key = blake3::derive_key("roost 2026 webhook secret", &self.0);
        // Neither has a dot, so no two webhooks share a text.
        *blake3::keyed_hash(&key, format!("{tenant}.{webhook}").as_bytes()).as_bytes()
    }

    fn derive(&self, context: &'static str, text: &str) -> String {
        let key = blake3::derive_key(context, &self.0);
        blake3::keyed_hash(&key, text.as_bytes()).to_hex()[..TOKEN_CHARS].to_owned()
    }
}

impl FromStr for TokenKey {
    type Err = InvalidTokenKey;

    fn from_str(text: &str) -> Result<Self, InvalidTokenKey> {
        let hash = blake3::Hash::from_hex(text.trim()).map_err(|_| InvalidTokenKey)?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_by_key_purpose_and_sandbox_and_are_stable() {
        let key = |digit: &str| digit.repeat(64).parse::<TokenKey>().unwrap();
        let sandbox = |id| SandboxId::new(id).unwrap();
        let all = [
            key("1").access(&sandbox("a")),
            key("1").access(&sandbox("b")),
            key("1").traffic(&sandbox("a")),
            key("1").edge(),
            key("2").access(&sandbox("a")),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|token| token.len() == TOKEN_CHARS));
        assert_eq!(all[0], key("1").access(&sandbox("a")));
    }

    #[test]
    fn every_webhook_has_a_secret_of_its_own() {
        let key = |digit: &str| digit.repeat(64).parse::<TokenKey>().unwrap();
        let secret = |digit: &str, tenant: &str, webhook: &str| {
            key(digit).webhook(&TenantId::new(tenant).unwrap(), &WebhookId::new(webhook).unwrap())
        };
        let one = secret("1", "a", "w1");
        assert_eq!(one, secret("1", "a", "w1"));
        for other in [
            secret("2", "a", "w1"),
            secret("1", "b", "w1"),
            secret("1", "a", "w2"),
        ] {
            assert_ne!(one, other);
        }
    }

    /// Keys are found again by their hashes, by any release.
    #[test]
    fn hashes_of_api_keys_stay_as_they_are() {
        let key: TokenKey = "5a".repeat(32).parse().unwrap();
        let of = |secret: &str| key.key_hash(secret).to_string();
        let secret = "e2b_0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            of(secret),
            "8e7734f1e83ed1662b09ba01b82d2569c2e7ace6e291936c4e50ef58a2ae8767"
        );
        assert_ne!(of(secret), of(&secret.replace('7', "8")));
        let other: TokenKey = "5b".repeat(32).parse().unwrap();
        assert_ne!(key.key_hash(secret), other.key_hash(secret));
    }

    #[test]
    fn a_key_is_hex_and_never_shown() {
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(63)] {
            assert_eq!(bad.parse::<TokenKey>(), Err(InvalidTokenKey), "{bad:?}");
        }
        let key: TokenKey = "ab".repeat(32).parse().unwrap();
        assert!(!format!("{key:?}").contains("ab"));
    }
}
