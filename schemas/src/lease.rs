//! Leases: how a host shows that it lives, and how it is told that it was given up.
//!
//! ```text
//!   nothing ─ take ─▶ Held{life} ─ renew ─▶ Held{life} … ─ silent for longer than its time ─▶ Revoked{life}
//!                         ▲                                                                      │
//!                         └───────────────── take, by the next life ─────────────────────────────┘
//! ```
//!
//! A lease is one record per host, replaced by compare-and-set; it is an observation, not an event, so it has a place of
//! its own beside the log. All time in it is a duration: the holder counts it from before it wrote, the watcher from after
//! it read, each by a clock that nobody can set, so the holder is always the first to know that it is over.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::codec::{self, Undecodable};
use crate::id::{HostId, LifeId};

/// Every lease.
pub const ALL_LEASES: &str = "roost.lease.*";

/// Who may run the sandboxes of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Lease {
    /// This life of its agent, for a while.
    Held {
        /// Which.
        life: LifeId,
        /// Milliseconds for which it may go on without renewing this.
        ttl_ms: u64,
    },
    /// Nobody: it was silent, and its sandboxes may be given to others.
    Revoked {
        /// The life that had it last.
        life: LifeId,
        /// When it was revoked, for people.
        at: Timestamp,
    },
}

impl Lease {
    /// The life that has it, or had it last.
    pub fn life(&self) -> &LifeId {
        match self {
            Self::Held { life, .. } | Self::Revoked { life, .. } => life,
        }
    }

    /// Where the lease of `host` is kept.
    pub fn subject(host: &HostId) -> String {
        format!("roost.lease.{host}")
    }

    /// The record's bytes: MessagePack with field names.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        codec::decode("lease", bytes)
    }
}
