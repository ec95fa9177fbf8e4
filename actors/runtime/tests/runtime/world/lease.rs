//! Leases, and what can be wrong with their store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use roost_journal::memory::MemoryLeases;
use roost_journal::port::{Found, LeaseError, Leases, Version, Written};
use roost_schemas::HostId;
use roost_schemas::lease::Lease;

/// The leases as one host sees them.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) leases: MemoryLeases,
    away: AtomicBool,
    mute: AtomicBool,
}

impl Store {
    pub(crate) fn of(leases: MemoryLeases) -> Self {
        Self {
            leases,
            ..Self::default()
        }
    }

    /// Lets it be out of reach, or in it again.
    pub(crate) fn away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Lets the next write be stored, and everything be out of reach from then on.
    pub(crate) fn mute(&self) {
        self.mute.store(true, Ordering::SeqCst);
    }

    fn reach(&self) -> Result<(), LeaseError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(LeaseError::Unavailable {
                action: "reached",
                detail: "it is away".to_owned(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Leases for Store {
    async fn read(&self, host: &HostId) -> Result<Option<Found>, LeaseError> {
        self.reach()?;
        self.leases.read(host).await
    }

    async fn all(&self) -> Result<BTreeMap<HostId, Found>, LeaseError> {
        self.reach()?;
        self.leases.all().await
    }

    /// One's own record counts as stored, as the port says.
    async fn write(&self, host: &HostId, lease: &Lease, over: Version) -> Result<Written, LeaseError> {
        self.reach()?;
        let written = self.leases.write(host, lease, over).await?;
        if self.mute.swap(false, Ordering::SeqCst) {
            self.away(true);
        }
        self.reach()?;
        Ok(match written {
            Written::Overtaken(Some(found)) if found.lease == *lease && found.version > over => {
                Written::Stored(found.version)
            }
            written => written,
        })
    }
}
