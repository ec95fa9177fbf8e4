//! A user's credentials: the seed of an nkey, in a file of its own.

use std::fmt;
use std::path::{Path, PathBuf};

use nkeys::{KeyPair, KeyPairType};

/// Why a file holds no credentials.
#[derive(Debug, thiserror::Error)]
pub enum NkeyError {
    /// It cannot be read.
    #[error("cannot read the credentials {path}: {source}; make them with `roost nats creds`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What stands in it is something else.
    #[error(
        "{path} holds no credentials: a user's seed begins with SU and has 58 letters and digits ({detail}); make one with `roost nats creds`"
    )]
    NoSeed {
        /// The file.
        path: PathBuf,
        /// What is wrong with what stands there, which is never shown itself.
        detail: String,
    },
}

/// A user's key pair (NATS' nkeys: Ed25519, in base 32 with a checksum).
#[derive(Clone, PartialEq, Eq)]
pub struct Nkey {
    seed: String,
    public: String,
    /// Where it was read.
    file: PathBuf,
}

impl Nkey {
    /// Reads the file at `path`: one line with the seed, and maybe lines that are none, as `nk` and `nsc` write them.
    pub fn read(path: &Path) -> Result<Self, NkeyError> {
        let text = std::fs::read_to_string(path).map_err(|source| NkeyError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
        let seed = seed.unwrap_or_default();
        let pair = parse(seed).map_err(|detail| NkeyError::NoSeed {
            path: path.to_owned(),
            detail,
        })?;
        Ok(Self {
            seed: seed.to_owned(),
            public: pair.public_key(),
            file: path.to_owned(),
        })
    }

    /// Who it is, for everybody to know: `U` and 55 letters and digits.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// What answers to this user's requests begin with: nobody else may listen there. See `docs/nats.md`.
    pub fn inbox(&self) -> String {
        format!("_INBOX.{}", self.public)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Proves to be who it is by signing `nonce`; the error says why it cannot.
    pub(super) fn sign(&self, nonce: &[u8]) -> Result<Vec<u8>, String> {
        let signed = parse(&self.seed)?.sign(nonce);
        signed.map_err(|error| error.to_string())
    }
}

/// The key pair of a user's seed; the error says what is wrong with it and does not quote it.
fn parse(seed: &str) -> Result<KeyPair, String> {
    let pair = KeyPair::from_seed(seed).map_err(|error| error.to_string())?;
    match pair.key_pair_type() {
        KeyPairType::User => Ok(pair),
        _ => Err("it is no user's".to_owned()),
    }
}

impl fmt::Debug for Nkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nkey").field(&self.public).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_seed_is_read_with_or_without_its_frame_and_never_shown() {
        let pair = KeyPair::new_user();
        let seed = pair.seed().unwrap();
        for text in [
            seed.clone(),
            format!("{seed}\n"),
            format!("-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"),
        ] {
            let nkey = Nkey::read(file(&text).path()).unwrap();
            assert_eq!(nkey.public(), pair.public_key());
            assert_eq!(nkey.inbox(), format!("_INBOX.{}", pair.public_key()));
            assert!(!format!("{nkey:?}").contains(&seed));
        }
    }

    #[test]
    fn what_is_no_users_seed_is_refused_without_being_quoted() {
        let account = KeyPair::new_account().seed().unwrap();
        let mut broken = KeyPair::new_user().seed().unwrap();
        broken.replace_range(20..22, "AA");
        for text in ["", "secret-of-mine", &account, &broken, "SU", "SUé"] {
            let refused = Nkey::read(file(text).path()).unwrap_err().to_string();
            assert!(refused.contains("roost nats creds"), "{refused}");
            assert!(text.len() < 3 || !refused.contains(text), "{refused}");
        }
        let missing = Nkey::read(Path::new("/nonexistent/gateway.nk"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("/nonexistent/gateway.nk"), "{missing}");
    }
}
