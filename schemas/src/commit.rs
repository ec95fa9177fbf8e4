//! The commit envelope: all the events of one decision, stored as one message.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::codec::{self, Undecodable};
use crate::event::Payload;
use crate::id::CommandId;

/// The version that this release writes; older ones are up-cast when read.
pub const SCHEMA_VERSION: u16 = 1;

/// Who caused a decision, such as `key:1f0c`, `host:h1` or `reconciler`.
pub type Principal = String;

/// All the events of one decision: the unit of atomicity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Commit<E> {
    /// The command decided on; also the message's `Nats-Msg-Id`.
    pub command_id: CommandId,
    /// The version of this envelope and of its events.
    pub schema_version: u16,
    /// When the command was issued.
    pub at: Timestamp,
    /// Who issued it.
    pub principal: Principal,
    /// What it led to, in order; never empty.
    pub events: Vec<E>,
}

/// The field that tells how to read the rest; others are left alone.
#[derive(Deserialize)]
struct Version {
    schema_version: u16,
}

impl<E: Payload> Commit<E> {
    /// The message body.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a message body of any version up to [`SCHEMA_VERSION`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        // The version is looked at only when the bytes do not read as this release's: replay is hot, upgrades are rare.
        match codec::decode::<Self>(E::WHAT, bytes) {
            Ok(commit) if commit.schema_version != SCHEMA_VERSION => {
                Err(Self::refuse(commit.schema_version, bytes))
            }
            Ok(commit) if commit.events.is_empty() => Err(Self::malformed(bytes, "it has no events")),
            Ok(commit) => Ok(commit),
            Err(malformed) => match codec::decode::<Version>(E::WHAT, bytes) {
                Ok(version) if version.schema_version != SCHEMA_VERSION => {
                    Err(Self::refuse(version.schema_version, bytes))
                }
                _ => Err(malformed),
            },
        }
    }

    fn refuse(found: u16, bytes: &[u8]) -> Undecodable {
        if found < SCHEMA_VERSION {
            return Self::malformed(bytes, &format!("no release has written schema version {found}"));
        }
        Undecodable::TooNew {
            what: E::WHAT,
            found,
            newest: SCHEMA_VERSION,
        }
    }

    fn malformed(bytes: &[u8], reason: &str) -> Undecodable {
        Undecodable::Malformed {
            what: E::WHAT,
            bytes: bytes.len(),
            reason: reason.to_owned(),
        }
    }
}
