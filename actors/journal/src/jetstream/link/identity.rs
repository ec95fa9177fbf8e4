//! As whom, and how closed to others, a connection begins.
//!
//! The file with the credentials is read for each connection: when they were renewed, the server ends the connections of the
//! old ones as it reads its configuration anew, and the next is made with the new ones. Until then the file may be ahead of
//! the server, so the new ones and those before them are tried in turn.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Auth, AuthError, ConnectOptions};

use super::super::Options;
use super::super::nkey::Nkey;

/// What a connection by `options` begins with.
pub(super) fn options(options: &Options) -> ConnectOptions {
    let mut begun = match &options.nkey {
        None => ConnectOptions::new(),
        Some(nkey) => {
            let identity = Arc::new(Identity::new(nkey.clone()));
            let shown = move |nonce: Vec<u8>| std::future::ready(identity.show(&nonce));
            // Its inboxes stay where they are: who renews credentials lets it listen there (see `roost nats creds`).
            ConnectOptions::with_auth_callback(shown).custom_inbox_prefix(nkey.inbox())
        }
    };
    if let Some(ca) = &options.ca {
        begun = begun.add_root_certificates(ca.clone()).require_tls(true);
    }
    begun
}

/// Who this process is.
struct Identity(Mutex<Known>);

/// What its file said at the last connections.
struct Known {
    now: Nkey,
    /// What it said before it was changed last; the same if it never was.
    before: Nkey,
    /// Whether the former was shown last.
    shown: bool,
}

impl Identity {
    fn new(first: Nkey) -> Self {
        Self(Mutex::new(Known {
            now: first.clone(),
            before: first,
            shown: false,
        }))
    }

    /// Proves it by signing what the server has made up.
    fn show(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let nkey = self.next();
        let mut auth = Auth::new();
        auth.signature = Some(nkey.sign(nonce).map_err(AuthError::new)?);
        auth.nkey = Some(nkey.public().to_owned());
        Ok(auth)
    }

    fn next(&self) -> Nkey {
        // Nothing in here panics half-way.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match Nkey::read(known.now.file()) {
            Ok(read) if read != known.now => {
                known.before = std::mem::replace(&mut known.now, read);
                known.shown = false;
            }
            Ok(_) => {}
            // It may be kept elsewhere once it has been read.
            Err(error) => tracing::debug!(%error, "the credentials are those that were read before"),
        }
        known.shown = !known.shown;
        let next = if known.shown { &known.now } else { &known.before };
        next.clone()
    }
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::*;

    #[test]
    fn renewed_credentials_and_those_before_are_shown_in_turn() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let renew = || {
            let pair = KeyPair::new_user();
            std::fs::write(file.path(), pair.seed().unwrap()).unwrap();
            pair.public_key()
        };
        let first = renew();
        let identity = Identity::new(Nkey::read(file.path()).unwrap());
        let shown = || identity.show(b"nonce").unwrap().nkey.unwrap();
        assert_eq!([shown(), shown()], [&first[..]; 2]);
        let second = renew();
        assert_eq!([shown(), shown(), shown()], [&second[..], &first, &second]);
        let third = renew();
        assert_eq!([shown(), shown(), shown()], [&third[..], &second, &third]);
        std::fs::write(file.path(), "half of a se").unwrap();
        assert_eq!([shown(), shown()], [&second[..], &third]);
    }
}
