//! [`Leases`] in process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use roost_schemas::HostId;
use roost_schemas::lease::Lease;

use super::locked;
use crate::port::{Found, LeaseError, Leases, Version, Written};

/// The leases in process; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryLeases(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    found: BTreeMap<HostId, Found>,
}

impl MemoryLeases {
    /// What stands for every host, as it is.
    pub fn stored(&self) -> BTreeMap<HostId, Found> {
        locked(&self.0).found.clone()
    }
}

#[async_trait]
impl Leases for MemoryLeases {
    async fn read(&self, host: &HostId) -> Result<Option<Found>, LeaseError> {
        Ok(locked(&self.0).found.get(host).cloned())
    }

    async fn all(&self) -> Result<BTreeMap<HostId, Found>, LeaseError> {
        Ok(self.stored())
    }

    async fn write(&self, host: &HostId, lease: &Lease, over: Version) -> Result<Written, LeaseError> {
        let mut state = locked(&self.0);
        let found = state.found.get(host);
        if found.map(|found| found.version).unwrap_or_default() != over {
            // What came since and is like ours is taken for ours, as where an answer can be lost.
            return Ok(match found {
                Some(found) if found.lease == *lease && found.version > over => {
                    Written::Stored(found.version)
                }
                found => Written::Overtaken(found.cloned()),
            });
        }
        state.last += 1;
        let version = Version(state.last);
        let lease = lease.clone();
        state.found.insert(host.clone(), Found { lease, version });
        Ok(Written::Stored(version))
    }
}
