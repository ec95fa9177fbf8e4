//! Leases: one record per host, replaced only by who has seen the last one.

use std::collections::BTreeMap;

use async_trait::async_trait;
use roost_schemas::HostId;
use roost_schemas::lease::Lease;

/// Which record is meant: its place in the store, raised by every write. Zero: there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A record as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub lease: Lease,
    /// Which one it is.
    pub version: Version,
}

/// How a write ended when the store could be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is the last record now.
    Stored(Version),
    /// Somebody else wrote since; this is what stands there.
    Overtaken(Option<Found>),
}

/// The leases of all hosts.
///
/// No operation is tried again by itself for longer than a moment: whoever holds a lease must know soon that it could not
/// renew it.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// What stands for `host`.
    async fn read(&self, host: &HostId) -> Result<Option<Found>, LeaseError>;

    /// What stands for every host. It is what the store has now, never an older answer. A record that is not readable stands
    /// for nobody: it says nothing about the other hosts.
    async fn all(&self) -> Result<BTreeMap<HostId, Found>, LeaseError>;

    /// Puts `lease` in the place of `over`. A lost answer is resolved by reading: one's own record counts as stored.
    async fn write(&self, host: &HostId, lease: &Lease, over: Version) -> Result<Written, LeaseError>;
}

/// Why the leases could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The store could not be reached, or gave no answer. The write may or may not be stored.
    #[error("the leases could not be {action}: {detail}; check that nats-server runs")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// What was seen.
        detail: String,
    },
    /// What stands there is not one of ours.
    #[error(
        "the lease of {host} is not readable: {detail}; somebody else wrote it: remove it with \
         `nats stream purge LEASES --subject roost.lease.{host}`"
    )]
    Foreign {
        /// Whose it is.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
}
