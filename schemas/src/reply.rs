//! The answer that a command's reply inbox gets.

use serde::{Deserialize, Serialize};

use crate::codec::{self, Undecodable};
use crate::id::Sequence;

/// Accepted, or rejected; MessagePack or JSON, as the command was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It took effect, now or when its id was first seen.
    Accepted(Accepted),
    /// It did not, and left no trace: sent again under this id it is decided anew.
    Rejected(Rejected),
}

/// See [`Reply::Accepted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
pub struct Accepted {
    /// Where its commit stands.
    pub sequence: Sequence,
    /// The sandbox's state after it.
    pub state: String,
}

/// See [`Reply::Rejected`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
pub struct Rejected {
    /// A word for programs.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
}

/// Why a command was rejected, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request itself makes no sense.
    InvalidRequest,
    /// There is no such sandbox or template.
    NotFound,
    /// The sandbox is not in a state that allows it.
    InvalidState,
    /// The command's id was used for something else.
    Conflict,
    /// No host has room; worth trying again.
    NoCapacity,
    /// Its tenant would have more than it may; the message names the limit.
    LimitExceeded,
    /// Its sender may not ask for this.
    Forbidden,
    /// Its deadline had passed.
    DeadlineExceeded,
    /// The log, the host or the router could not be reached; worth trying again.
    Unavailable,
}

impl Reply {
    /// The body in MessagePack.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a body in MessagePack.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        codec::decode("reply", bytes)
    }
}
